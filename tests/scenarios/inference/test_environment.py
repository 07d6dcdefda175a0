"""The scenario as an agent meets it, on a small streaming server: budget, submission, and who plays beside whom."""

import asyncio
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from infraray.agents import Agent, Briefing, load_agent
from infraray.episodes import Entry, EpisodePlayer, EpisodeSpec
from infraray.errors import InfrarayError
from infraray.observation import Observation
from infraray.scenarios.inference import environment as module
from infraray.scenarios.inference.environment import Inference
from infraray.scenarios.inference.parameters import InferenceParameters

EVALUATE = '{"evaluate": {"mem_fraction_static": 0.8}}'
SUBMIT = '{"submit": {"mem_fraction_static": 0.85}}'


@pytest.fixture
def environment(parameters: InferenceParameters) -> Iterator[Inference]:
    made = Inference(**parameters.model_dump(mode="json"))
    yield made
    made.close()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """Hours that have passed for the environment alone."""
    hours = [0.0]

    class Clock:
        @staticmethod
        def monotonic() -> float:
            return time.monotonic() + 3600 * hours[0]

    monkeypatch.setattr(module, "time", Clock)
    yield hours


def test_an_episode_ends_with_a_submission_and_is_worth_the_reference_where_a_gate_is_missing(
    environment: Inference,
) -> None:
    environment.reset(seed=0)
    _, _, terminated, _, info = environment.step(f"Let me try {EVALUATE}")
    assert info["valid"] and not terminated
    _, _, terminated, _, info = environment.step(f"That was good, so: {SUBMIT}")
    verdict = environment.verdict()
    assert terminated and verdict.score == 1.0 and verdict.correct is False
    assert info["extra"]["submission"]["speedup"] > 0 and not info["extra"]["submission"]["passed"]
    assert environment.transcript[0] == f"agent: Let me try {EVALUATE}"
    assert environment.transcript[1].startswith('bench: {"mem_fraction_static": 0.8}: speedup ')
    assert environment.transcript[2].startswith("agent: That was good")


def test_after_the_budget_what_was_measured_last_is_submitted_whatever_is_asked(
    environment: Inference, clock: list[float]
) -> None:
    environment.reset(seed=0)
    environment.step(EVALUATE)
    clock[0] = 3
    _, _, terminated, _, info = environment.step(SUBMIT)
    assert terminated
    submitted = info["extra"]["submission"]["trial"]["configuration"]
    assert submitted["mem_fraction_static"] == 0.8


def test_after_a_budget_without_a_measurement_nothing_is_submitted(environment: Inference, clock: list[float]) -> None:
    environment.reset(seed=0)
    clock[0] = 3
    _, _, terminated, _, _ = environment.step(EVALUATE)
    verdict = environment.verdict()
    assert terminated and (verdict.score, verdict.failure) == (1.0, "not_submitted")


@pytest.mark.parametrize("agent", ["defaults", "one_factor", "expert", "random"])
def test_scripted_agents_measure_and_submit(parameters: InferenceParameters, agent: str) -> None:
    environment = Inference(**{**parameters.model_dump(mode="json"), "budget_s": 4.0})
    player = load_agent(f"scripted:{agent}", "inference")
    try:
        observation, _ = environment.reset(seed=0)
        player.reset(Briefing.of(environment, 1))
        over = False
        while not over:
            observation, _, terminated, truncated, _ = environment.step(player.act(observation))
            over = terminated or truncated
        assert environment.submission is not None and environment.submission.trial.failure is None
        assert (len(environment.trials) == 0) == (agent == "defaults")
    finally:
        environment.close()


def test_a_judge_that_is_none_is_refused_before_the_clock_starts(parameters: InferenceParameters) -> None:
    environment = Inference(**{**parameters.model_dump(mode="json"), "judge": "scripted:expert"})
    with pytest.raises(InfrarayError, match="judge='scripted:expert': must be a chat agent"):
        environment.reset(seed=0)
    environment.close()


class Thinks(Agent):
    """Waits, as a language model lets one wait, and then submits."""

    async def act(self, observation: Observation) -> Any:
        await asyncio.sleep(0.3)
        return SUBMIT


def test_conversations_have_the_machine_one_after_the_other(
    parameters: InferenceParameters, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = parameters.model_dump(mode="json")
    spans: list[tuple[float, float]] = []
    advance = Inference.advance

    def noted(environment: Inference, action: Any) -> Any:
        outcome = advance(environment, action)
        spans.append((environment.began, time.monotonic()))
        return outcome

    monkeypatch.setattr(Inference, "advance", noted)
    monkeypatch.setattr("infraray.episodes.player.load_agent", lambda *_: Thinks())
    options = Inference(**given).options()
    entry = Entry("infraray/Inference-v0", given, options, 1, "scripted:thinks", {}, "inference", True)
    player = EpisodePlayer(60.0, with_bounds=False)

    async def all_of_them() -> list[Any]:
        return await asyncio.gather(*(player.converse(EpisodeSpec(entry, 0, repetition)) for repetition in range(3)))

    try:
        played = asyncio.run(all_of_them())
    finally:
        player.close()
    assert all(trajectory.measures is not None for trajectory in played), played[0].failure
    spans.sort()
    assert len(spans) == 3 and all(before[1] <= after[0] for before, after in pairwise(spans))
