"""Repairing policies in live clusters: `python -m benchmarks.kubernetes_policy [TASKS]`, by default 500 tasks.

Prints in one run:
- the expert's results on TASKS tasks of the boutique, by level and families, with the number of distinct symptoms
  (target: all solved, all safely), and the score of the best agent that never looks on the same tasks;
- for each way to draw tasks, both agents on a tenth as many tasks, with intervals by tasks (target: the difference's is
  above 0);
- the distinct symptoms among a thousand tasks of level 1, on paper, by family, beside those among the 2,634 queries of
  NetArena's public generator (2026-02-28); a symptom is which attempts end otherwise than intended;
- the time from `reset` to the first observation: in a fresh process, and with a cluster prepared meanwhile.
"""

import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

import infraray
from benchmarks.elapsed import in_fresh_process
from benchmarks.table import Row, print_table
from infraray.agents import Briefing, load_agent
from infraray.environment import Measures
from infraray.scenarios.kubernetes_policy.faults import FAMILIES
from infraray.scenarios.kubernetes_policy.levels import LEVELS
from infraray.scenarios.kubernetes_policy.parameters import KubernetesPolicyParameters
from infraray.scenarios.kubernetes_policy.tasks import make_task
from infraray.statistics.intervals import Estimate, TaskBootstrap

TASKS = 500
BLOCK = 10
"""Tasks that one environment plays."""

WAYS: dict[str, dict[str, Any]] = {
    "default": {},
    "preset `netarena`": {"preset": "netarena"},
    "`policies: plain`": {"policies": "plain"},
    "`application: generated`": {"application": "generated"},
}
"""The parameters that say which tasks are drawn, and what an agent may write."""

SHARE = 10
"""Of the tasks, one in so many is played in each of these ways."""

DRAWN = 1000
"""Tasks whose symptoms are counted."""

AT_ONCE = 2
REPEATS = 5
PUBLIC_SYMPTOMS = {
    "remove_ingress": 9,
    "add_ingress": 107,
    "change_port": 10,
    "change_protocol": 10,
    "add_egress": 4,
}
APPLICATIONS: dict[str, dict[str, Any]] = {
    "boutique": {},
    "8 services": {"application": "generated"},
    "20 services": {"application": "generated", "num_services": 20, "num_namespaces": 4},
}


class Played(NamedTuple):
    """One episode."""

    level: int
    families: frozenset[str]
    symptom: str
    verdict: Measures


class Block(NamedTuple):
    """Tasks that differ only in their seeds."""

    level: int
    seeds: range
    given: Mapping[str, Any]

    def play(self, agent: str) -> list[Played]:
        """Plays them one after the other."""
        environment = infraray.make("kubernetes_policy", level=self.level, **self.given)
        player = load_agent(f"scripted:{agent}", "kubernetes_policy")
        played = []
        for seed in self.seeds:
            observation, _ = environment.reset(seed=seed)
            player.reset(Briefing.of(environment, 0))
            over, origin = False, None
            while not over:
                observation, _, over, _, info = environment.step(player.act(observation))
                origin = origin or info["extra"]
            assert origin is not None
            families = frozenset(family for family, *_ in origin["faults"])
            played.append(Played(self.level, families, str(origin["symptom"]), environment.verdict()))
        environment.close()
        return played


def blocks(tasks: int, **given: Any) -> list[Block]:
    """This many tasks with the given parameters, spread evenly over the levels."""
    found = []
    for number, level in enumerate(LEVELS):
        begin, end = (tasks * position // len(LEVELS) for position in (number, number + 1))
        found += [Block(level, range(first, min(first + BLOCK, end)), given) for first in range(begin, end, BLOCK)]
    return found


def play_all(todo: Iterable[Block], agent: str) -> list[Played]:
    """Plays blocks, several at a time: threads suffice, since clusters are separate processes."""
    with ThreadPoolExecutor(AT_ONCE) as threads:
        return [played for block in threads.map(lambda block: block.play(agent), todo) for played in block]


def print_expert(played: list[Played], blind: list[Played]) -> None:
    """The table by level and families, as docs/figures.md shows it; ``blind`` are the same tasks without a look."""
    groups = defaultdict(list)
    for pair in zip(played, blind, strict=True):
        groups[pair[0].level, pair[0].families].append(pair)
    print("| level | faults | tasks | symptoms | solved | safe | commands | score | solved, score without a look |")
    print("|---|---|---|---|---|---|---|---|---|")
    for level, combinations in LEVELS.items():
        for families in combinations:
            print_group(str(level), " + ".join(families), groups[level, frozenset(families)])
    print_group("all", "", list(zip(played, blind, strict=True)))


def print_group(level: str, families: str, pairs: list[tuple[Played, Played]]) -> None:
    """One line of it."""
    if not pairs:
        return
    verdicts, blind = ([pair[side].verdict for pair in pairs] for side in (0, 1))
    symptoms = len({pair[0].symptom for pair in pairs})
    solved, safe, blindly = (
        sum(map(bool, found)) / len(pairs)
        for found in (
            [verdict.correct for verdict in verdicts],
            [verdict.safe for verdict in verdicts],
            [verdict.correct for verdict in blind],
        )
    )
    commands = statistics.mean(verdict.metrics["commands"] for verdict in verdicts)
    score, without = (statistics.mean(verdict.score for verdict in found) for found in (verdicts, blind))
    print(
        f"| {level} | {families} | {len(pairs)} | {symptoms} | {solved:.1%} | {safe:.1%} | {commands:.2f} "
        f"| {score:.3f} | {blindly:.1%}, {without:.3f} |"
    )


def print_ways(tasks: int) -> None:
    """The table of the ways to draw tasks, with the expert beside the best agent that never looks."""
    print("| tasks | number | expert solves, safely | expert's score | without a look | difference |")
    print("|---|---|---|---|---|---|")
    for way, given in WAYS.items():
        todo = blocks(tasks, **given)
        expert, blind = ([played.verdict for played in play_all(todo, agent)] for agent in ("expert", "constant"))
        scores = np.array([[verdict.score for verdict in one] for one in (expert, blind)])
        solved = sum(bool(verdict.correct and verdict.safe) for verdict in expert) / len(expert)
        difference, score = TaskBootstrap(len(expert)).means(np.array([scores[0] - scores[1], scores[1]]))
        print(f"| {way} | {len(expert)} | {solved:.1%} | {scores[0].mean():.3f} | {said(score)} | {said(difference)} |")


def said(estimate: Estimate) -> str:
    """A mean with its interval."""
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


def symptoms(parameters: KubernetesPolicyParameters) -> dict[str, tuple[int, int]]:
    """The distinct symptoms among tasks of level 1, by the attempts alone, and the number of tasks; by family."""
    found: dict[str, list[Any]] = {family: [] for family in FAMILIES}
    for seed in range(DRAWN):
        symptom = make_task(parameters, 1, seed).symptom
        found[symptom.families[0]].append((symptom.lost, symptom.opened))
    return {family: (len({*all_of_it}), len(all_of_it)) for family, all_of_it in found.items()}


def print_symptoms() -> None:
    """The table of distinct symptoms."""
    columns = [symptoms(KubernetesPolicyParameters(**arguments)) for arguments in APPLICATIONS.values()]
    print(f"| faults | {' | '.join(APPLICATIONS)} | public generator |")
    print(f"|---|{'---|' * (len(APPLICATIONS) + 1)}")
    for family in FAMILIES:
        counts = ["{} of {}".format(*column[family]) for column in columns]
        print(f"| {family} | {' | '.join(counts)} | {PUBLIC_SYMPTOMS[family]} |")


def cold_s(seed: int) -> float:
    """From the first `reset` of a process to its observation."""
    environment = infraray.make("kubernetes_policy")
    began = time.perf_counter()
    environment.reset(seed=seed)
    elapsed = time.perf_counter() - began
    environment.close()
    return elapsed


def prepared_s() -> float:
    """The median time of a `reset` for which a cluster was built while an agent thought for three seconds."""
    environment = infraray.make("kubernetes_policy")
    found = []
    for seed in range(REPEATS + 1):
        began = time.perf_counter()
        environment.reset(seed=seed)
        found.append(time.perf_counter() - began)
        time.sleep(3.0)
    environment.close()
    return statistics.median(found[1:])


def main() -> list[Row]:
    """Measures and returns the rows of the table."""
    cold = statistics.median(in_fresh_process(cold_s, seed) for seed in range(REPEATS))
    prepared = in_fresh_process(prepared_s)
    return [
        Row("kubernetes_policy, reset, cold", f"{cold:.3f} s", "target", "2 s", cold / 2.0, "<= 1"),
        Row("kubernetes_policy, reset, prepared", f"{prepared:.3f} s", "target", "0.2 s", prepared / 0.2, "<= 1"),
    ]


if __name__ == "__main__":
    asked = int(sys.argv[1]) if len(sys.argv) > 1 else TASKS
    print_table(main())
    print_symptoms()
    print_ways(max(len(LEVELS), asked // SHARE))
    print_expert(play_all(blocks(asked), "expert"), play_all(blocks(asked), "constant"))
