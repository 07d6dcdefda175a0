"""Planted weaknesses: `python -m benchmarks.probing`, a few minutes.

Agents fail 9 of 10 tasks of a region and 1 of 20 elsewhere. Counted are the episodes, over some seeds, until the region
that stands out is the planted one: four of five of its tasks have the weakness, and it holds half of those that have
it. Both ways look for regions in what was played by the same code, and differ in the tasks that they draw. Then whole
probes of agents without a weakness, how many are said to have one, and how many of all stated intervals are right.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from statistics import median

from benchmarks.table import Row, print_table
from infraray.curriculum.finding import Played, find_regions
from infraray.curriculum.probing import Effort, Probing, Round, judge
from infraray.curriculum.regions import Features, Region
from infraray.curriculum.samplers import make_sampler
from infraray.curriculum.tasks import DrawnTask, TaskSpace
from infraray.space.hyperparameters import Float, Int, Ordinal

FAMILIES = ("route", "interface", "address", "filter", "forwarding")
SPACE = TaskSpace(
    (Ordinal("level", (1, 2, 3), default=1), Int("size", 2, 32, default=2), Float("load", 0.5, 1.0, default=0.5)),
    dict,
    lambda setting, seed: {"family": Random(seed).choice(FAMILIES)},
)
WEAKNESSES: dict[str, Callable[[Features], bool]] = {
    "a fault family": lambda task: task["family"] == "filter",
    "beyond a size": lambda task: task["size"] >= 28,  # type: ignore[operator]
    "a family on a level": lambda task: task["family"] == "filter" and task["level"] == 3,
    "loaded and large": lambda task: task["load"] >= 0.9 and task["size"] >= 26,  # type: ignore[operator]
    "a family, large": lambda task: task["family"] == "filter" and task["size"] >= 28,  # type: ignore[operator]
    "a family on a level, large": lambda task: (
        task["family"] == "filter" and task["level"] == 3 and task["size"] >= 28  # type: ignore[operator]
    ),
}
INSIDE, OUTSIDE = 0.9, 0.05
FIRST, ROUND, MOST = 20, 20, 3000
SEEDS = 15
AGENTS = 300


def drawn(count: int, key: str, region: Region | None = None) -> list[DrawnTask]:
    """Uniform tasks, of a region or of all."""
    random = Random(key)
    return [task for _ in range(count) if (task := SPACE.draw(random, region)) is not None]


TRUTH = drawn(4000, "truth")


def is_planted(region: Region, weakness: Callable[[Features], bool]) -> bool:
    """Whether a region is the planted one, nearly."""
    inside = [region.holds(task.features) for task in TRUTH]
    weak = [weakness(task.features) for task in TRUTH]
    both = sum(one and other for one, other in zip(inside, weak, strict=True))
    return both >= 0.8 * sum(inside) and both >= 0.5 * sum(weak)


def episodes_until_found(weakness: Callable[[Features], bool], sampler: str, seed: int) -> int:
    """The episodes after which the first region is the planted one."""
    random, draws, maker = Random(f"outcomes/{seed}"), Random(f"draws/{seed}"), make_sampler(sampler)
    played: list[Played] = []
    tasks = drawn(FIRST, f"survey/{seed}")
    surveyed = 0.0
    while len(played) < MOST:
        played += [
            Played(task.features, float(random.random() < (INSIDE if weakness(task.features) else OUTSIDE)))
            for task in tasks
        ]
        surveyed = surveyed or sum(one.loss for one in played) / len(played)
        found = find_regions(played, surveyed, most=1)
        if found and is_planted(found[0], weakness):
            return len(played)
        tasks = maker.propose(SPACE, played, surveyed, draws, ROUND)
    return MOST


def whole_probe(chance: Callable[[Features], float], seed: int, episodes: int) -> tuple[bool, int, int]:
    """(whether a region breaks the agent, its intervals, those of them that are right)."""
    probing = Probing(SPACE, make_sampler("bandit"), Effort.of(episodes), seed, "agent")
    random = Random(f"outcomes/{seed}")
    rounds: list[Round] = []
    outcomes: list[list[float]] = []
    while following := probing.next_rounds(rounds, outcomes):
        rounds += following
        outcomes += [[float(random.random() < chance(task.features)) for task in one.tasks] for one in following]
    verdict = judge(rounds, outcomes)
    right = 0
    for one in verdict.regions:
        truths = [chance(task.features) for task in drawn(400, f"region/{seed}", one.region)]
        right += one.loss.low <= sum(truths) / len(truths) <= one.loss.high
    return any(one.breaks for one in verdict.regions), len(verdict.regions), right


def main() -> list[Row]:
    """The rows of docs/figures.md."""
    rows = []
    for name, weakness in WEAKNESSES.items():
        ours = median(episodes_until_found(weakness, "bandit", seed) for seed in range(SEEDS))
        theirs = median(episodes_until_found(weakness, "random", seed) for seed in range(SEEDS))
        share = sum(weakness(task.features) for task in TRUTH) / len(TRUTH)
        what = f"probing: episodes until {name} ({100 * share:.1f} % of tasks) is found, median of {SEEDS}"
        rows.append(Row(what, f"{ours:g}", "uniform sampling", f"{theirs:g}", ours / theirs, ""))
    false = sum(
        whole_probe(lambda task, rate=rate: rate, seed, 160)[0]  # type: ignore[misc]
        for rate in (0.05, 0.2, 0.5)
        for seed in range(AGENTS // 3)
    )
    rows.append(
        Row(f"probing: of {AGENTS} agents without a weakness, said to have one", str(false), "stated at most",
            f"{0.05 * AGENTS:g}", false / (0.05 * AGENTS), "<= 1")
    )  # fmt: skip
    probes = [
        whole_probe(lambda task: 0.2 + 0.5 * (task["load"] >= 0.8), seed, 160)  # type: ignore[operator]
        for seed in range(AGENTS // 3)
    ]
    told, right = sum(one[1] for one in probes), sum(one[2] for one in probes)
    rows.append(
        Row(f"probing: of {told} intervals of regions that a search chose, right", str(right), "stated at least",
            f"{0.95 * told:.0f}", right / (0.95 * told), ">= 1")
    )  # fmt: skip
    return rows


if __name__ == "__main__":
    print_table(main())
