"""A model may answer any prompt with silence: honest servers pass all the same, and silence hides nothing."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from infraray.load.requests import Request
from infraray.load.responses import Response
from infraray.load.tokenizer import ModelTokenizer
from infraray.load.workloads import Workload
from infraray.scenarios.inference.integrity import (
    CHECKS,
    Evidence,
    ProbeAnswers,
    ask_opinion,
    ask_probes,
    check_integrity,
    opinion,
    plan_probes,
)
from infraray.scenarios.inference.integrity.probes import ROUNDS, TIMED
from tests.load.tokenizers_on_the_spot import make_byte_level_bpe
from tests.openai_server import Reply, Server
from tests.scenarios.inference_gates import made_up_evidence as made_up
from tests.scenarios.inference_gates.made_up_evidence import PLAN, measured, noisy, response, token

WORKLOAD = Workload(input_tokens=64, output_tokens=16, num_requests=4)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> ModelTokenizer:
    return ModelTokenizer(make_byte_level_bpe(tmp_path_factory.mktemp("tokenizer")))


def silent(number: int = 0, chunk_s: float | None = None, **changes: Any) -> Response:
    """An answer that ended as it should, without text; the first chunk may have come before the last."""
    spoken = response(number, **changes)
    return replace(
        spoken,
        failure="incomplete",
        reason="the stream held no text",
        text="",
        text_tokens=0,
        text_times_s=(),
        first_token_s=spoken.last_s if chunk_s is None else (spoken.sent_s or 0.0) + chunk_s,
    )


def says_nothing_at(share: float) -> Callable[[dict[str, Any]], Reply]:
    """A server whose model is silent at a share of all prompts, and which sends no chunk for what leaves no text."""

    def script(body: dict[str, Any]) -> Reply:
        digest = hashlib.sha256(body["messages"][0]["content"].encode()).digest()
        if digest[0] >= 256 * share:
            return Reply()
        return Reply(tokens=0, usage={"prompt_tokens": 8, "completion_tokens": body["max_tokens"]})

    return script


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5])
def test_prompts_that_get_no_text_are_replaced_until_there_is_enough(tokenizer: ModelTokenizer, share: float) -> None:
    with Server(says_nothing_at(share)) as server:
        answers = ask_probes(server.url, "model", plan_probes(WORKLOAD, tokenizer), tokenizer)
    for group, asked in ((answers.short, answers.plan.short[1:]), (answers.long, answers.plan.long[1:])):
        assert len(group) == len(asked) and len({probe.prompt for probe in asked}) == len(asked)
        assert sum(one.began_s is not None for one in group) >= TIMED - 1
    assert len(answers.repeated) == len(answers.plan.repeated)
    assert any(one.failure is None for pair in answers.repeated for one in pair)
    assert CHECKS["first_chunk"](measured(made_up.responses(), probes=answers)) is None
    if not share:
        assert len(answers.short) == TIMED and len(answers.repeated) == 4


def test_a_server_that_is_always_silent_is_not_asked_for_ever(tokenizer: ModelTokenizer) -> None:
    with Server(says_nothing_at(1.0)) as server:
        answers = ask_probes(server.url, "model", plan_probes(WORKLOAD, tokenizer), tokenizer)
    assert len(answers.short) == len(answers.long) <= (1 + ROUNDS) * (TIMED + 1)
    assert all(one.silent for one in (*answers.short, *answers.long))


@pytest.mark.parametrize(("reference_silent", "accused"), [(0.0, True), (1.0, False)])
def test_silence_is_a_finding_where_the_reference_speaks(
    tokenizer: ModelTokenizer, monkeypatch: pytest.MonkeyPatch, reference_silent: float, accused: bool
) -> None:
    """And no finding where it does not: then nothing can be checked, which is no pass."""
    monkeypatch.setattr(opinion, "likelihood", lambda *_: ())
    requests = [Request("prompt", 8, 8, "made up")]
    with Server(says_nothing_at(1.0)) as server, Server(says_nothing_at(reference_silent)) as reference:
        answers = ask_probes(server.url, "model", plan_probes(WORKLOAD, tokenizer), tokenizer)
        said = ask_opinion(reference.url, "model", requests, "chat", [], [], answers, tokenizer)
    result = check_integrity(replace(honest(random.Random(0), 0.0), probes=answers, opinion=said))
    assert result.accused == accused and not result.passed
    assert ("where the reference has one" in result.reason) == accused
    assert "first_chunk" in result.not_checked


def test_a_silent_answer_is_timed_by_its_first_chunk() -> None:
    """Also by those that hold no text, if there is one before the last."""
    time = noisy(1)

    def probes(cheats: bool) -> ProbeAnswers:
        def answer(prefill_s: float) -> Response:
            first, rest = (0.001, prefill_s) if cheats else (prefill_s, 0.0)
            first, rest = time(first, 0.02), time(0.06 + rest, 0.02)
            return silent(chunk_s=first, first_s=first, rest_s=rest)

        return made_up.probed(short=lambda: answer(0.05), long=lambda: answer(0.4))

    assert CHECKS["first_chunk"](measured(made_up.responses(), probes=probes(cheats=False))) is None
    assert CHECKS["first_chunk"](measured(made_up.responses(), probes=probes(cheats=True))) is not None


def test_a_silent_answer_that_is_shorter_than_asked_is_an_early_end() -> None:
    assert CHECKS["ignored_eos"](measured((*made_up.responses()[:31], silent(31)))) is None
    finding = CHECKS["ignored_eos"](measured((*made_up.responses()[:31], silent(31, output_tokens=1))))
    assert finding is not None and "1 of 32 outputs" in finding.evidence


def honest(dice: random.Random, share: float) -> Evidence:
    """A server of a weak model that is silent at a share of all prompts, as the reference is but for rounding."""
    time = noisy(dice.getrandbits(32))

    def pair(number: int) -> tuple[Response, Response]:
        says = [silent(number), response(number, text_tokens=dice.choice((990, 960, 700)))]
        first = says[dice.random() >= share]
        return first, says[1 - says.index(first)] if dice.random() < 0.01 else first

    mine, theirs = zip(*map(pair, range(32)), strict=True)

    def timed(prefill_s: float) -> list[Response]:
        found = []
        while len([one for one in found if one.failure is None]) < TIMED - 1:
            made = silent if dice.random() < share else response
            found.append(made(first_s=time(prefill_s, 0.01), rest_s=time(0.06, 0.02)))
        return found

    def information() -> tuple[float, float]:
        if dice.random() < 1 - (1 - share) ** 2:
            return 0.0, 0.0
        told = dice.gauss(1.0, 1.2)
        return told + dice.gauss(0, 0.1), told

    def text(length: int) -> tuple[Any, ...]:
        return tuple(token(-1.5 if dice.random() < 0.04 else -0.1, ("best", -0.1)) for _ in range(length))

    short, long = timed(0.02), timed(0.16)
    probes = replace(
        made_up.probed(),
        plan=replace(PLAN, short=PLAN.short[:1] * (1 + len(short)), long=PLAN.long[:1] * (1 + len(long))),
        short=tuple(short),
        long=tuple(long),
    )
    lengths = [dice.randrange(1, 12) for _ in range(48)]
    said = made_up.opinion(
        canaries=tuple(information() for _ in range(32)),
        timed=tuple((text(length), text(length)) for length in lengths),
    )
    return measured(mine, reference=theirs, probes=probes, opinion=said, connections=made_up.watched(3, 0))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6])
def test_honest_servers_of_a_silent_model_pass(share: float) -> None:
    """Each of 100, with measured texts of six tokens in the mean and three looks at its connections."""
    for seed in range(100):
        result = check_integrity(honest(random.Random(seed), share))
        assert result.passed, (seed, result.reason)
