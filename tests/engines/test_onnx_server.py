"""Models in the format of onnxruntime-genai: the same answers as PyTorch's, and what the library cannot do said."""

from __future__ import annotations

import json
import math
import os
import shutil
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from infraray import run
from infraray.engines import EngineSpec
from infraray.engines.requirements import problem
from infraray.errors import InfrarayError
from infraray.trajectories.reader import Run
from tests.engines.in_process import SMALL_MODEL, ask, events, load_program, refusal, serving, url_of
from tests.engines.started import started

END, NUL, LETTER, HALF_A_CHARACTER = 2, 191, 72, 175
"""Tokens of the small model."""
MESSAGES = ("hello", "server 1 2 3\nqueues: [4, 0, 2]", "é ß 漢字 😀", "say <|im_end|> twice")


@pytest.fixture(scope="module")
def program() -> Iterator[Any]:
    program = load_program("onnx_server")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(program.openai_api, "LONGEST_WARM_UP", 2)
        yield program


@pytest.fixture(scope="module")
def served(program: Any) -> Iterator[Any]:
    with serving(program, lambda: program.Model(SMALL_MODEL, 1)) as server:
        yield server


@pytest.fixture
def url(served: Any) -> str:
    return url_of(served)


@pytest.mark.engine
def test_it_says_the_same_as_the_reference_server(url: str) -> None:
    reference = load_program("transformers_server")
    with serving(reference, lambda: reference.Model(SMALL_MODEL, "float32", "cpu")) as server:
        for content in MESSAGES:
            asked = {"messages": [{"role": "user", "content": content}], "max_tokens": 32}
            ours, theirs = (
                json.loads(ask(where, logprobs=True, top_logprobs=20, **asked)) for where in (url, url_of(server))
            )
            assert ours["usage"] == theirs["usage"]
            choices = [told["choices"][0] for told in (ours, theirs)]
            assert choices[0]["message"]["content"] == choices[1]["message"]["content"] != ""
            for mine, other in zip(*(choice["logprobs"]["content"] for choice in choices), strict=True):
                assert mine["token"] == other["token"]
                assert [one["logprob"] for one in mine["top_logprobs"]] == pytest.approx(
                    [one["logprob"] for one in other["top_logprobs"]], abs=1e-3
                )


def test_all_connections_are_served_by_one_thread(url: str, program: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    threads = []
    choose = program.choose

    def watched(*given: Any) -> int:
        threads.append(threading.get_ident())
        token: int = choose(*given)
        return token

    monkeypatch.setattr(program, "choose", watched)
    with ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(lambda number: ask(url, stream=bool(number % 2)), range(16)))
    assert len(answers) == 16 and len(threads) == 16 * 6
    assert len(set(threads)) == 1 and threads[0] != threading.get_ident()


def test_the_end_is_not_in_the_text_and_can_be_ignored(url: str, program: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "choose", lambda *_: END)
    for ignored, tokens, reason in ((False, 1, "stop"), (True, 6, "length")):
        told = json.loads(ask(url, ignore_eos=ignored, logprobs=True))
        choice = told["choices"][0]
        assert (choice["message"]["content"], choice["finish_reason"]) == ("", reason)
        assert told["usage"]["completion_tokens"] == tokens
        assert [entry["token"] for entry in choice["logprobs"]["content"]] == ["<|im_end|>"] * (
            tokens if ignored else 0
        )


def test_what_is_drawn_has_the_shares_that_the_log_probabilities_say(program: Any) -> None:
    import numpy as np

    logits = np.log(np.array([0.5, 0.05, 0.3, 0.15], dtype=np.float32)) + 7
    random = np.random.default_rng(0)

    def shares(**fields: float) -> list[float]:
        sampling = replace(program.openai_api.GREEDY, **{"temperature": 1.0, **fields})
        drawn = Counter(program.choose(logits, sampling, random) for _ in range(20_000))
        return [drawn[token] / 20_000 for token in range(4)]

    assert shares() == pytest.approx([0.5, 0.05, 0.3, 0.15], abs=0.02)
    assert shares(top_p=0.8) == pytest.approx([0.625, 0, 0.375, 0], abs=0.02)
    assert shares(top_p=0.81) == pytest.approx([0.5 / 0.95, 0, 0.3 / 0.95, 0.15 / 0.95], abs=0.02)
    cold = [math.sqrt(share) for share in (0.5, 0.05, 0.3, 0.15)]
    assert shares(temperature=2.0) == pytest.approx([share / sum(cold) for share in cold], abs=0.02)
    assert shares(temperature=1e-6) == shares(temperature=0) == [1, 0, 0, 0]


def test_broken_characters_cost_no_other(served: Any) -> None:
    """The library itself ends a text at the first of them, and at NUL."""
    letter = served.model.decode([LETTER])
    assert served.model.decode([LETTER, HALF_A_CHARACTER, LETTER, LETTER]) == f"{letter}\ufffd{letter}{letter}"
    assert served.model.decode([HALF_A_CHARACTER]) == "\ufffd"
    assert served.model.decode([LETTER, NUL, END, LETTER]) == letter * 2
    assert served.model.decode([]) == served.model.decode([END]) == ""
    for content in MESSAGES[:3]:
        assert served.model.decode(served.model.encode(content)) == content


def test_characters_wait_in_a_stream_until_they_are_whole(
    url: str, served: Any, program: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = served.model.encode("😀")
    assert len(tokens) > 1
    left = iter(tokens)
    monkeypatch.setattr(program, "choose", lambda *_: next(left))
    chunks = [event["choices"][0] for event in events(ask(url, stream=True, max_tokens=len(tokens)))]
    assert [chunk["delta"]["content"] for chunk in chunks] == ["", *[""] * (len(tokens) - 1), "😀", ""]


def test_what_the_library_would_cut_is_refused(url: str) -> None:
    chat = {"messages": [{"role": "user", "content": "a\0b"}]}
    assert "NUL" in refusal(url, "/chat/completions", chat)
    assert "NUL" in refusal(url, "/completions", {"prompt": "a\0b"})
    chat["messages"][0]["content"] = "\ud83d"
    assert "chat template does not take them" in refusal(url, "/chat/completions", chat)


def test_a_model_without_a_template_has_no_chats(program: Any, tmp_path: Path) -> None:
    folder = shutil.copytree(SMALL_MODEL, tmp_path / "model")
    (folder / "chat_template.jinja").unlink()
    with serving(program, lambda: program.Model(str(folder), 1)) as server:
        body = {"messages": [{"role": "user", "content": "hello"}]}
        assert refusal(url_of(server), "/chat/completions", body).startswith("the model has no chat template")


def test_the_context_is_that_of_the_models_folder(url: str, served: Any) -> None:
    assert served.model.context == 1024
    body = {"prompt": "hello", "max_tokens": 1024}
    assert "leaves room for 1021 tokens" in refusal(url, "/completions", body)


def test_nobody_is_told_what_is_run(program: Any) -> None:
    assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"


def test_an_environment_without_the_library_is_told_the_extra(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -S -E "$@"\n')
    python.chmod(0o755)
    told = problem(EngineSpec(engine="onnx", model="m", python=str(python)))
    assert told is not None and "onnxruntime_genai not installed" in told and "infraray[onnx]" in told
    assert problem(EngineSpec(engine="onnx", model="m")) is None


def test_a_folder_in_another_format_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InfrarayError, match=r"has no genai_config\.json; --model is a folder as `python -m") as refused:
        with started(EngineSpec(engine="onnx", model=str(tmp_path))):
            pass
    assert "\n" not in str(refused.value)


@pytest.mark.usefixtures("ray_session")
def test_an_agent_plays_on_it(tmp_path: Path) -> None:
    scenario = {"scenario": "load_balance", "max_episode_steps": 2, "parameters": {"warmup_steps": 0}}
    agents = [f"engine:onnx:{SMALL_MODEL}?max_tokens=8&memory=last:1"]
    asked = {"name": "onnx", "scenarios": [scenario], "agents": agents, "seeds": 1}
    summary = run(asked, tmp_path / "run", quiet=True)
    assert (summary.finished, summary.failed) == (1, 0), summary.failures
    assert Run(tmp_path / "run").steps()["output_tokens"].to_pylist() == [8, 8]


def test_a_prompt_that_begins_as_the_last_one_is_read_from_there_on_and_answered_the_same(program: Any) -> None:
    """Conversations that go on, go back, end early and are others altogether."""

    def answers(keeps: bool) -> tuple[list[Any], int]:
        model = program.Model(SMALL_MODEL, 1)
        model._keeps = keeps
        made = []
        generator = model._generator
        model._generator = lambda most: made.append(most) or generator(most)
        found = []
        for prompt, most in asked:
            taken = islice(model.generate(prompt, replace(program.openai_api.GREEDY, max_tokens=8)), most)
            found += [(token, logits.tolist()) for token, logits in taken]
        return found, len(made)

    long = [*range(60, 130)]
    asked = [
        (long, 8),
        ([*long, 70, 71], 8),
        (long[:40], 3),
        ([*long[:40], 99, *long], 8),
        ([61, 62], 8),
        ([61, 62], 8),
    ]
    (alone, each), (kept, few) = answers(False), answers(True)
    assert [token for token, _ in kept] == [token for token, _ in alone]
    for (_, one), (_, other) in zip(kept, alone, strict=True):
        assert one == pytest.approx(other, abs=1e-4)
    assert each == len(asked) and few < each
