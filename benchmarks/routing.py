"""Repairing live networks: `python -m benchmarks.routing [TASKS]`, by default 1000 tasks, some twenty minutes.

Prints in one run:
- the expert's results on TASKS tasks, by level and families: networks of 2 to 4 subnets with 2 to 4 hosts each, as in
  NetArena, with the number of distinct symptoms (target: all solved, all safely), and the score of the best agent that
  never looks on the same tasks;
- the time from `reset` to the first observation, 4 subnets x 4 hosts, in a fresh process (target: under 1 s), and for a
  prepared task (target: under 0.1 s);
- the expert's episodes per minute, 16 environments at once against one.
"""

import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import infraray
from benchmarks.elapsed import in_fresh_process
from benchmarks.table import Row, print_table
from infraray.agents import Briefing, load_agent
from infraray.emulators.network import features
from infraray.environment import Measures
from infraray.scenarios.routing.environment import Routing
from infraray.scenarios.routing.levels import LEVELS

TASKS = 1000
SIZES = [(subnets, hosts) for subnets in (2, 3, 4) for hosts in (2, 3, 4)]
BLOCK = 10
"""Tasks that one environment plays."""

REPEATS = 11
AT_ONCE = 16
EPISODES = 160
"""Episodes played to measure the number per minute."""


class Played(NamedTuple):
    """One episode of the expert."""

    level: int
    families: frozenset[str]
    symptom: tuple[int, int, str]
    verdict: Measures
    seconds: float


class Block(NamedTuple):
    """Tasks that differ only in their seeds."""

    level: int
    subnets: int
    hosts: int
    seeds: range

    def play(self, agent: str = "expert") -> list[Played]:
        """Plays them one after the other."""
        environment = infraray.make("routing", level=self.level, num_subnets=self.subnets, hosts_per_subnet=self.hosts)
        player = load_agent(f"scripted:{agent}", "routing")
        played = []
        for seed in self.seeds:
            began = time.perf_counter()
            observation, _ = environment.reset(seed=seed)
            player.reset(Briefing.of(environment, 0))
            over, origin = False, None
            while not over:
                observation, _, over, _, info = environment.step(player.act(observation))
                origin = origin or info["extra"]
            assert origin is not None
            families = frozenset(family for family, *_ in origin["faults"])
            symptom = self.subnets, self.hosts, str(origin["symptom"])
            seconds = time.perf_counter() - began
            played.append(Played(self.level, families, symptom, environment.verdict(), seconds))
        environment.close()
        return played


def blocks(tasks: int) -> list[Block]:
    """This many tasks, spread evenly over levels and sizes, no two with the same seed."""
    kinds = [(level, *size) for size in SIZES for level in LEVELS]
    found = []
    for number, kind in enumerate(kinds):
        begin, end = (tasks * position // len(kinds) for position in (number, number + 1))
        found += [Block(*kind, range(first, min(first + BLOCK, end))) for first in range(begin, end, BLOCK)]
    return found


def play_all(todo: Iterable[Block], at_once: int, agent: str = "expert") -> list[Played]:
    """Plays blocks, several at a time: threads suffice, since networks are separate processes."""
    with ThreadPoolExecutor(at_once) as threads:
        return [played for block in threads.map(lambda block: block.play(agent), todo) for played in block]


def print_expert(played: list[Played], blind: list[Played]) -> None:
    """The table by level and families, as docs/figures.md shows it; ``blind`` are the same tasks without a look."""
    groups = defaultdict(list)
    blind_scores = defaultdict(list)
    for episode, other in zip(played, blind, strict=True):
        groups[episode.level, episode.families].append(episode)
        blind_scores[episode.level, episode.families].append(other.verdict.score)
    print("| level | faults | tasks | symptoms | solved | safe | commands | score | score without a look |")
    print("|---|---|---|---|---|---|---|---|---|")
    for level, combinations in LEVELS.items():
        for families in combinations:
            key = level, frozenset(families)
            print_group(str(level), " + ".join(families), groups[key], blind_scores[key])
    print_group("all", "", played, [episode.verdict.score for episode in blind])


def print_group(level: str, families: str, played: list[Played], blind: list[float]) -> None:
    """One line of it."""
    if not played:
        return
    verdicts = [episode.verdict for episode in played]
    symptoms = len({(episode.level, *episode.symptom) for episode in played})
    solved, safe = sum(bool(verdict.correct) for verdict in verdicts), sum(bool(verdict.safe) for verdict in verdicts)
    commands = statistics.mean(verdict.metrics["commands"] for verdict in verdicts)
    score = statistics.mean(verdict.score for verdict in verdicts)
    print(
        f"| {level} | {families} | {len(played)} | {symptoms} | {solved / len(played):.1%} | {safe / len(played):.1%} "
        f"| {commands:.2f} | {score:.3f} | {statistics.mean(blind):.3f} |"
    )


def episodes_per_minute(at_once: int) -> float:
    """Of the expert on 4 x 4 networks."""
    firsts = range(0, EPISODES, BLOCK)
    todo = [Block(first // BLOCK % len(LEVELS) + 1, 4, 4, range(first, first + BLOCK)) for first in firsts]
    began = time.perf_counter()
    played = play_all(todo, at_once)
    return 60 * len(played) / (time.perf_counter() - began)


def cold_s(seed: int) -> float:
    """From the first `reset` of a process to its observation."""
    environment = infraray.make("routing", num_subnets=4, hosts_per_subnet=4, level=seed % 3 + 1)
    began = time.perf_counter()
    environment.reset(seed=seed)
    elapsed = time.perf_counter() - began
    environment.close()
    return elapsed


def prepared_s() -> float:
    """The median time of a `reset` whose task was prepared while an agent thought for two seconds."""
    environment = infraray.make("routing", num_subnets=4, hosts_per_subnet=4)
    assert isinstance(environment, Routing)
    found = []
    for seed in range(REPEATS):
        environment.prepare(seed)
        time.sleep(2.0)
        began = time.perf_counter()
        environment.reset(seed=seed)
        found.append(time.perf_counter() - began)
    environment.close()
    return statistics.median(found)


def main() -> list[Row]:
    """Measures and returns the rows of the table."""
    cold = statistics.median(in_fresh_process(cold_s, seed) for seed in range(REPEATS))
    prepared = in_fresh_process(prepared_s)
    alone, together = (in_fresh_process(episodes_per_minute, at_once) for at_once in (1, AT_ONCE))
    return [
        Row("routing, 4 x 4, reset, cold", f"{cold:.3f} s", "target", "1 s", cold, "<= 1"),
        Row("routing, 4 x 4, reset, prepared", f"{prepared:.4f} s", "target", "0.1 s", prepared / 0.1, "<= 1"),
        Row(
            f"routing, expert's episodes a minute, {AT_ONCE} at once",
            f"{together:.0f}",
            "one at a time",
            f"{alone:.0f}",
            together / alone,
            "",
        ),
    ]


if __name__ == "__main__":
    asked = int(sys.argv[1]) if len(sys.argv) > 1 else TASKS
    rows = main()
    print_expert(play_all(blocks(asked), AT_ONCE), play_all(blocks(asked), AT_ONCE, "constant"))
    print(f"\nThe kernel's features: {', '.join(sorted(features())) or 'none'}.\n")
    print_table(rows)
