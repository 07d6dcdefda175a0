"""The final measurement of a configuration: a clean start on the evaluation seed, and both gates.

The tuned server itself does not count: the configuration is launched again by a plain start, in a fresh process group
with its own scratch folders.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from infraray.engines.process import EngineProcess
from infraray.errors import InfrarayError
from infraray.scenarios.inference.bench import Bench, MeasuredLaunch, to_plain
from infraray.scenarios.inference.integrity.connection_watch import ConnectionWatch, SealedNetwork
from infraray.scenarios.inference.integrity.evidence import Evidence, Phase
from infraray.scenarios.inference.integrity.gate import IntegrityResult, check_integrity
from infraray.scenarios.inference.integrity.judge import judge
from infraray.scenarios.inference.integrity.opinion import ask_opinion
from infraray.scenarios.inference.integrity.probes import ask_probes, plan_probes
from infraray.scenarios.inference.left_behind import LAUNCHER, LeftBehind, Relaunched
from infraray.scenarios.inference.quality import QualityResult
from infraray.scenarios.inference.scoring import SubmissionStatus, speedup, submission_status
from infraray.space.values import Configuration


@dataclass(frozen=True)
class Submission:
    """The result of a submitted configuration.

    Args:
        trial: the measurement on the evaluation seed.
        speedup: over the reference on the same requests, regardless of the gates; NaN if it failed.
        quality: the quality gate's decision.
        integrity: the integrity gate's decision; None if there was no server to examine.
        probe_s: seconds that the gates spent asking the server.
        opinion_s: seconds spent starting the reference and asking it about the answers.
    """

    trial: MeasuredLaunch
    speedup: float
    quality: QualityResult
    integrity: IntegrityResult | None
    probe_s: float = 0.0
    opinion_s: float = 0.0

    @property
    def outcome(self) -> SubmissionStatus:
        """Its status."""
        integrity = self.integrity
        if integrity is None:
            return submission_status(self.speedup, self.quality.passed, integrity_passed=False)
        return submission_status(self.speedup, self.quality.passed, integrity.passed, integrity.accused)

    @property
    def passed(self) -> bool:
        """Whether it was measured and both gates let it through."""
        return self.outcome is SubmissionStatus.PASSED

    @property
    def score(self) -> float:
        """The speedup, or 1 if it does not count: a failure is as fast as the reference (section 3.4)."""
        return self.speedup if self.passed else 1.0

    @property
    def reason(self) -> str:
        """Why it counts or not, in one line."""
        if self.trial.failure is not None:
            return self.trial.failure
        integrity = "not checked" if self.integrity is None else self.integrity.reason
        said = f"quality: {self.quality.reason}; integrity: {integrity}"
        begin = {SubmissionStatus.PASSED: "passed; ", SubmissionStatus.NOT_VERIFIED: "not verified; "}
        return begin.get(self.outcome, "") + said

    def to_json(self) -> dict[str, Any]:
        """Plain data, without the servers' answers."""
        integrity = asdict(self.integrity) if self.integrity is not None else None
        return {
            "score": self.score,
            "speedup": self.speedup if math.isfinite(self.speedup) else None,
            "outcome": str(self.outcome),
            "passed": self.passed,
            "reason": self.reason,
            "quality": self.quality.to_json(),
            "integrity": integrity,
            "trial": to_plain(self.trial),
        }


def submit(
    bench: Bench,
    submitted: Configuration | LeftBehind,
    seed: int,
    judged_by: str | None = None,
    transcript: str = "",
) -> Submission:
    """Makes the final measurement of a configuration, or of what an open-ended agent has left.

    Args:
        bench: the bench; its server is ended before and after.
        submitted: a canonical configuration, or a workspace, whose agent has been ended.
        seed: the evaluation seed.
        judged_by: the spec of a chat agent that also judges, if any.
        transcript: what the judge reads about how the configuration was found.

    Raises:
        InfrarayError: the reference server fails.
    """
    setting = bench.setting
    watches: dict[Phase, ConnectionWatch | SealedNetwork] = {}

    def watch(phase: Phase, process: EngineProcess) -> ConnectionWatch | SealedNetwork:
        if isinstance(process, Relaunched):
            watches[phase] = SealedNetwork()
        else:
            assert process.pid is not None  # It is ready.
            watches[phase] = ConnectionWatch(process.pid, process.port)
        return watches[phase]

    with bench.lock.held():
        reference = bench.reference(seed)
        measured_by = partial(watch, "measured")
        if isinstance(submitted, LeftBehind):
            trial = bench.evaluate_server(submitted.relaunch, LAUNCHER, seed, watching=measured_by)
        else:
            trial = bench.evaluate(submitted, seed, clean=True, watching=measured_by)
        process, measurement = bench.process, trial.measurement
        if trial.failure is not None or process is None or measurement is None:
            return Submission(trial, math.nan, QualityResult(None, reference.answers), None)
        model = setting.reference_spec().served_model
        launched = _launched(submitted, bench, process)
        log, measured = "", time.monotonic()
        try:
            plan = plan_probes(setting.workload, bench.tokenizer)
            with watch("probed", process):
                probes = ask_probes(process.url, model, plan, bench.tokenizer)
                quiz = bench.quiz(seed)
                answers = None if quiz is None else quiz.ask(process.url, model)
            log = process.log_tail(1000)
        finally:
            bench.stop()
        probed = time.monotonic()
        requests = bench.requests(seed)
        traffics = [traffic.responses for traffic in measurement.traffics]
        server = bench.start_reference()
        try:
            opinion = ask_opinion(
                server.url,
                setting.reference_spec().served_model,
                requests.requests,
                requests.endpoint,
                traffics,
                reference.responses,
                probes,
                bench.tokenizer,
            )
        finally:
            bench.stop()
    asked = time.monotonic()
    evidence = Evidence(
        setting.workload,
        requests.requests,
        traffics,
        reference.responses,
        bench.roofline(),
        probes,
        opinion,
        {phase: watched.log for phase, watched in watches.items()},
    )
    integrity = check_integrity(evidence)
    if judged_by is not None:
        documents = _documents(launched, log, transcript, trial, integrity)
        integrity = check_integrity(evidence, asyncio.run(judge(judged_by, documents)))
    gain = speedup(setting.workload.objective, trial.score, reference.score)
    quality = QualityResult(answers, reference.answers)
    return Submission(trial, gain, quality, integrity, probed - measured, asked - probed)


def _launched(submitted: Configuration | LeftBehind, bench: Bench, process: EngineProcess) -> str:
    """What was launched, as the judge reads it."""
    if not isinstance(submitted, LeftBehind):
        return bench.setting.command_line(submitted)
    lines = process.command_lines if isinstance(process, Relaunched) else []
    return "\n".join([f"{LAUNCHER}:", submitted.launcher(), "its processes:", *lines])


def _documents(
    command_line: str, log: str, transcript: str, trial: MeasuredLaunch, integrity: IntegrityResult
) -> Mapping[str, str]:
    if trial.measurement is None:
        raise InfrarayError("inference: nothing was measured that could be judged")
    return {
        "launch configuration": command_line,
        "server log": log,
        "transcript": transcript or "(none)",
        "measurement": str(trial.measurement.to_json()),
        "findings": integrity.reason,
    }
