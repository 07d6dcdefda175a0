"""The expert solves whatever is drawn, by kubectl alone, and without breaking anything on its way."""

from typing import Any

import pytest

import infraray
from infraray.agents import Agent, Briefing, load_agent
from infraray.environment import Environment, Measures
from infraray.errors import InfrarayError
from infraray.scenarios.kubernetes_policy.faults import FAMILIES
from infraray.scenarios.kubernetes_policy.levels import LEVELS
from tests.emulators.cluster.live import needs_clusters

pytestmark = needs_clusters

MANY = {1: range(16, 22), 2: range(3), 3: range(3)}
"""Seeds of each level; `python -m benchmarks.kubernetes_policy` plays hundreds."""


def play(environment: Environment, agent: Agent, seed: int) -> tuple[Measures, set[str]]:
    """An episode's verdict, and the families of its faults."""
    observation, _ = environment.reset(seed=seed)
    agent.reset(Briefing.of(environment, 0))
    faults: list[list[str]] = []
    over = False
    while not over:
        observation, _, over, _, info = environment.step(agent.act(observation))
        faults = faults or info["extra"]["faults"]
        assert info["valid"]
    return environment.verdict(), {family for family, *_ in faults}


def solve(seeds: range, **arguments: Any) -> set[str]:
    """Plays the expert, which must come out well; the families that it met."""
    environment = infraray.make("kubernetes_policy", **arguments)
    agent = load_agent("scripted:expert", "kubernetes_policy")
    met = set()
    for seed in seeds:
        verdict, families = play(environment, agent, seed)
        assert verdict.correct and verdict.safe and verdict.failure is None, (seed, environment.words())
        assert verdict.metrics["needless_changes"] == 0 and verdict.score >= 0.95
        met |= families
    environment.close()
    return met


def test_expert_solves_every_level_safely() -> None:
    assert set().union(*(solve(MANY[level], level=level) for level in LEVELS)) == {*FAMILIES}


@pytest.mark.parametrize(
    ("arguments", "seeds"),
    [
        ({"application": "generated", "level": 3}, 2),
        ({"application": "generated", "num_services": 16, "num_namespaces": 4, "extra_faults": 2, "level": 2}, 1),
        ({"application": "generated", "num_services": 4, "num_namespaces": 1}, 1),
        ({"preset": "netarena", "level": 2}, 2),
        ({"extra_faults": 3, "level": 2}, 1),
    ],
    ids=["generated", "large", "small", "netarena", "five_faults"],
)
def test_expert_solves_other_applications_and_more_faults(arguments: dict[str, Any], seeds: int) -> None:
    solve(range(seeds), **arguments)


def test_no_text_that_is_written_without_a_look_is_perfect() -> None:
    environment = infraray.make("kubernetes_policy")
    agent = load_agent("scripted:constant", "kubernetes_policy")
    verdicts = [play(environment, agent, seed)[0] for seed in range(12, 18)]
    environment.close()
    assert {verdict.correct for verdict in verdicts} == {False, True}
    assert sum(verdict.score for verdict in verdicts) / len(verdicts) < 0.75


def test_an_agent_that_reads_does_not_play_without_text() -> None:
    environment = infraray.make("kubernetes_policy", text=False)
    observation, _ = environment.reset(seed=0)
    for name in ("expert", "constant"):
        agent = load_agent(f"scripted:{name}", "kubernetes_policy")
        agent.reset(Briefing.of(environment, 0))
        with pytest.raises(InfrarayError, match=f"^scripted:{name} reads .*; it cannot play with text=False$"):
            agent.act(observation)
    environment.close()
