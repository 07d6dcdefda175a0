"""Puts a running server through both gates, as a scored run does, with a small workload."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

from infraray.hardware.machine import this_machine
from infraray.hardware.model_size import model_size
from infraray.hardware.roofline import Roofline
from infraray.load.measurement import measure
from infraray.load.requests import RequestSet, make_requests
from infraray.load.responses import Response
from infraray.load.tokenizer import ModelTokenizer
from infraray.load.workloads import Traffic, Workload
from infraray.scenarios.inference.integrity import (
    ConnectionWatch,
    Evidence,
    IntegrityResult,
    ask_opinion,
    ask_probes,
    check_integrity,
    plan_probes,
)
from infraray.scenarios.inference.quality import QualityResult, Quiz, QuizAnswers, read_mmlu_pro

WORKLOAD = Workload(
    input_tokens=320, output_tokens=40, num_requests=16, traffic=(Traffic(concurrency=2),), request_timeout_s=120.0
)
ANSWER_TOKENS = 128
"""The model answers in a sentence; what is broken talks on to the end, wherever that is."""


@dataclass(frozen=True)
class Inspector:
    """What is the same for every server that serves one model."""

    model: str
    tokenizer: ModelTokenizer
    requests: RequestSet
    quiz: Quiz
    roofline: Roofline
    reference_url: str
    reference: tuple[Response, ...]
    reference_answers: QuizAnswers

    @classmethod
    def beside(cls, reference_url: str, folder: Path, questions: int) -> Inspector:
        """Measures the reference server of the model in ``folder``."""
        model = str(folder / "model")
        tokenizer = ModelTokenizer(model)
        requests = make_requests(WORKLOAD, 7, tokenizer)
        quiz = replace(Quiz.draw(read_mmlu_pro(folder / "questions"), 7, questions), max_tokens=ANSWER_TOKENS)
        measured = measure(reference_url, model, WORKLOAD, requests, tokenizer, 7, clients=1)
        return cls(
            model,
            tokenizer,
            requests,
            quiz,
            Roofline(model_size(model), this_machine().device()),
            reference_url,
            measured.traffics[0].responses,
            quiz.ask(reference_url, model),
        )

    def quality(self, url: str) -> QualityResult:
        """The quality gate."""
        return QualityResult(self.quiz.ask(url, self.model), self.reference_answers)

    def integrity(self, url: str, pid: int) -> IntegrityResult:
        """The integrity gate."""
        began = time.perf_counter()
        port = int(url.split(":")[2].partition("/")[0])
        with ConnectionWatch(pid, port) as load_watch:
            measured = measure(url, self.model, WORKLOAD, self.requests, self.tokenizer, 7, clients=1)
        plan = plan_probes(WORKLOAD, self.tokenizer)
        measured_s = time.perf_counter()
        with ConnectionWatch(pid, port) as probe_watch:
            probes = ask_probes(url, self.model, plan, self.tokenizer)
        probed_s = time.perf_counter()
        responses = [traffic.responses for traffic in measured.traffics]
        opinion = ask_opinion(
            self.reference_url,
            self.model,
            self.requests.requests,
            "chat",
            responses,
            self.reference,
            probes,
            self.tokenizer,
        )
        print(
            f"measured in {measured_s - began:.1f} s, probed in {probed_s - measured_s:.1f} s, "
            f"opinion in {time.perf_counter() - probed_s:.1f} s"
        )
        return check_integrity(
            Evidence(
                WORKLOAD,
                self.requests.requests,
                responses,
                self.reference,
                self.roofline,
                probes,
                opinion,
                {"measured": load_watch.log, "probed": probe_watch.log},
            )
        )
