"""The expert solves whatever is drawn, by commands alone, and without breaking anything on its way."""

from typing import Any

import pytest

import infraray
from infraray.agents import Agent, Briefing, load_agent
from infraray.environment import Environment
from infraray.errors import InfrarayError
from infraray.scenarios.routing.levels import LEVELS
from tests.emulators.live import needs_networks

pytestmark = needs_networks

MANY = {1: 16, 2: 8, 3: 10}
"""Seeds of each level, among which every family is drawn, on kernels with and without netem.

`python -m benchmarks.routing` plays a thousand.
"""


def play(environment: Environment, agent: Agent, seed: int) -> set[str]:
    """Plays an episode, which must come out well; returns the families of its faults."""
    observation, _ = environment.reset(seed=seed)
    agent.reset(Briefing.of(environment, 0))
    faults: list[list[str]] = []
    over = False
    while not over:
        observation, _, over, truncated, info = environment.step(agent.act(observation))
        faults = faults or info["extra"]["faults"]
        assert info["valid"] and info["safe"] and not truncated
    verdict = environment.verdict()
    assert verdict.correct and verdict.safe and verdict.failure is None, (seed, faults, environment.words())
    assert verdict.metrics["needless_changes"] == 0
    assert verdict.score >= 0.9
    return {family for family, *_ in faults}


def test_expert_adds_a_route_whose_gateway_a_rule_hid() -> None:
    environment, agent = infraray.make("routing", level=2, num_routers=3), load_agent("scripted:expert", "routing")
    observation, _ = environment.reset(seed=5014)
    agent.reset(Briefing.of(environment, 0))
    over = False
    while not over:
        observation, _, over, _, _ = environment.step(agent.act(observation))
    environment.close()
    verdict = environment.verdict()
    assert verdict.correct and verdict.safe


@pytest.mark.parametrize("level", LEVELS)
def test_expert_solves_every_level_safely(level: int) -> None:
    environment, agent = infraray.make("routing", level=level), load_agent("scripted:expert", "routing")
    met = set().union(*(play(environment, agent, seed) for seed in range(MANY[level])))
    environment.close()
    assert met == {family for families in LEVELS[level] for family in families}


@pytest.mark.parametrize(
    ("arguments", "seeds"),
    [
        ({"num_subnets": 4, "hosts_per_subnet": 4, "level": 3}, 2),
        ({"num_subnets": 3, "hosts_per_subnet": 1, "num_routers": 3, "level": 2}, 2),
        ({"num_subnets": 2, "hosts_per_subnet": 1, "num_routers": 4, "level": 1}, 3),
        ({"extra_faults": 3, "level": 2}, 1),
    ],
    ids=["four_by_four", "chain", "long_chain", "all_five_families"],
)
def test_expert_solves_other_networks_and_more_faults(arguments: dict[str, Any], seeds: int) -> None:
    environment, agent = infraray.make("routing", **arguments), load_agent("scripted:expert", "routing")
    for seed in range(seeds):
        play(environment, agent, seed)
    environment.close()


def test_expert_says_that_it_needs_the_text() -> None:
    environment, agent = infraray.make("routing", text=False), load_agent("scripted:expert", "routing")
    observation, _ = environment.reset(seed=0)
    agent.reset(Briefing.of(environment, 0))
    with pytest.raises(InfrarayError, match="cannot play with text=False"):
        agent.act(observation)
    environment.close()
