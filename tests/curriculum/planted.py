"""Agents with planted weaknesses, as functions of what tasks tell about themselves."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from infraray.curriculum.probing import AgentVerdict, Effort, Probing, Round, judge
from infraray.curriculum.regions import Features
from infraray.curriculum.samplers import make_sampler
from infraray.curriculum.tasks import TaskSpace
from infraray.space.hyperparameters import Float, Int, Ordinal

FAMILIES = ("route", "interface", "address", "filter", "forwarding")
KNOBS = (
    Ordinal("level", (1, 2, 3), default=1),
    Int("size", 2, 32, default=2),
    Float("load", 0.5, 1.0, default=0.5),
)

SPACE = TaskSpace(KNOBS, dict, lambda setting, seed: {"family": Random(seed).choice(FAMILIES)})

Chance = Callable[[Features], float]
"""The probability that the agent fails a task."""

WEAKNESSES: dict[str, Callable[[Features], bool]] = {
    "one family": lambda task: task["family"] == "filter",
    "beyond a size": lambda task: task["size"] >= 28,  # type: ignore[operator]
    "a family on a level": lambda task: task["family"] == "filter" and task["level"] == 3,
    "loaded and large": lambda task: task["load"] >= 0.9 and task["size"] >= 24,  # type: ignore[operator]
}


def failing(weakness: str, inside: float = 0.9, outside: float = 0.05) -> Chance:
    return lambda task: inside if WEAKNESSES[weakness](task) else outside


def play(chance: Chance, seed: int, sampler: str = "bandit", episodes: int = 400) -> tuple[AgentVerdict, list[Round]]:
    """A whole probe, without Ray."""
    probing = Probing(SPACE, make_sampler(sampler), Effort.of(episodes), seed, "planted")
    random = Random(f"outcomes/{seed}")
    rounds: list[Round] = []
    outcomes: list[list[float | None]] = []
    while following := probing.next_rounds(rounds, outcomes):
        rounds += following
        outcomes += [[float(random.random() < chance(task.features)) for task in one.tasks] for one in following]
    return judge(rounds, outcomes), rounds
