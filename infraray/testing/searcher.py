"""The contract of every searcher."""

from __future__ import annotations

import json
import math
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from infraray.space import Configuration, SearchSpace
from infraray.space.values import canonical_text
from infraray.testing.search_problems import BOWL, ENGINE, SWITCHES, bowl
from infraray.tune.searchers import Proposal, Searcher, make_searcher

BUDGETS = (1, 3, 9)
PENALTY = 1000.0


class SearcherConformance:
    """Tests the contract of a searcher: ``class TestMine(SearcherConformance): searcher = "mine"``."""

    searcher: ClassVar[str]
    """The name it is registered under."""

    beats_random: ClassVar[bool] = True
    """Whether it learns from the losses that it is given."""

    seeds: ClassVar[range] = range(10)
    """The number of searches compared with random ones."""

    def make(self, space: SearchSpace, seed: int = 0) -> Searcher:
        """Makes the searcher."""
        return make_searcher(self.searcher, space, BUDGETS, seed)

    def test_proposes_only_valid_configurations_and_budgets(self) -> None:
        """Also if some fail, and with several open at a time."""
        for proposal, _ in explore(self.make(ENGINE), 40):
            assert ENGINE.canonical(proposal.configuration) == proposal.configuration
            assert [type(value) for value in proposal.configuration.values()] == [
                type(value) for value in ENGINE.canonical(proposal.configuration).values()
            ]
            assert proposal.budget in BUDGETS

    def test_does_not_repeat_itself_in_a_large_space(self) -> None:
        """At the full budget: a configuration may return with a larger budget after a smaller one."""
        full = [
            canonical_text(proposal.configuration)
            for proposal, _ in explore(self.make(BOWL), 40, bowl)
            if proposal.budget == BUDGETS[-1]
        ]
        assert len(set(full)) == len(full)

    def test_equal_seeds_propose_equally_in_any_process(self) -> None:
        """String hashes, which differ between processes, make no difference."""
        expected = [written(proposal) for proposal, _ in explore(self.make(ENGINE, 7), 25)]
        assert in_fresh_process(self.searcher, 7, 25) == expected

    def test_different_seeds_propose_differently(self) -> None:
        """The seed is used."""
        one, other = (
            [written(proposal) for proposal, _ in explore(self.make(BOWL, seed), 10, bowl)] for seed in (1, 2)
        )
        assert one != other

    def test_leaves_global_random_numbers_alone(self) -> None:
        """Whoever seeded them relies on their state."""
        import random

        import numpy as np

        random.seed(1)
        np.random.seed(1)
        explore(self.make(BOWL), 15, bowl)
        drawn = random.random(), float(np.random.random())
        random.seed(1)
        np.random.seed(1)
        assert drawn == (random.random(), float(np.random.random()))

    def test_repeated_history_goes_on_as_the_original(self) -> None:
        """A killed study repeats its journal's asks and tells, including open proposals."""
        original = self.make(ENGINE, 3)
        history = explore(original, 20)
        again = self.make(ENGINE, 3)
        assert [written(proposal) for proposal, _ in explore(again, 20)] == [written(one) for one, _ in history]
        for _ in range(5):
            following, expected = again.ask(), original.ask()
            assert following == expected

    def test_learns_of_what_others_proposed(self) -> None:
        """A study's first trial uses the defaults."""
        searcher = self.make(ENGINE)
        searcher.tell(Proposal(ENGINE.default, BUDGETS[-1]), 1.0)
        for proposal, _ in explore(searcher, 15):
            assert ENGINE.canonical(proposal.configuration) == proposal.configuration

    def test_proposes_on_while_nothing_is_told(self) -> None:
        """With many trials at a time, or none that succeeds, there is always something to try."""
        searcher = self.make(ENGINE)
        found = [searcher.ask() for _ in range(30)]
        assert all(
            proposal is not None and ENGINE.canonical(proposal.configuration) == proposal.configuration
            for proposal in found
        )

    def test_goes_on_when_everything_fails(self) -> None:
        """Equal losses teach nothing, but do not stop the search."""
        assert len(explore(self.make(ENGINE), 30, lambda configuration: PENALTY)) == 30

    def test_comes_to_the_end_of_a_small_space(self) -> None:
        """It says that nothing is left, or repeats itself, but neither raises nor hangs."""
        found = {canonical_text(proposal.configuration) for proposal, _ in explore(self.make(SWITCHES), 60)}
        assert found <= {canonical_text(one) for one in map(SWITCHES.canonical, _all_switches())}
        assert len(found) >= 4

    def test_beats_random_search_on_average(self) -> None:
        """On a bowl, half of the time with losses below 0: mean logarithm of the best loss at equal budget.

        A searcher that does not learn need only be as good, within three standard errors of the difference.
        """
        own = [best_of(self.make(BOWL, seed), shift=-100.0 * (seed % 2)) for seed in self.seeds]
        random = [best_of(make_searcher("random", BOWL, BUDGETS, seed)) for seed in range(40)]
        error = statistics.stdev(random) * math.sqrt(1 / len(own) + 1 / len(random))
        assert statistics.mean(own) < statistics.mean(random) + (0.0 if self.beats_random else 3 * error)


def explore(
    searcher: Searcher, proposals: int, loss: Callable[[Configuration], float] | None = None
) -> list[tuple[Proposal, float]]:
    """Asks and tells with up to three open proposals, telling in a different order than asking."""
    found: list[tuple[Proposal, float]] = []
    waiting: list[tuple[Proposal, float]] = []
    for number in range(proposals):
        proposal = searcher.ask()
        if proposal is None:
            break
        value = loss(proposal.configuration) if loss is not None else _bumpy(proposal.configuration, number)
        found.append((proposal, value))
        waiting.append((proposal, value))
        if len(waiting) == 3:
            searcher.tell(*waiting.pop(1))
    return found


def best_of(searcher: Searcher, shift: float = 0.0, full_measurements: int = 20) -> float:
    """log10 of the best fully measured loss after spending the budget of that many full measurements."""
    best, spent = math.inf, 0
    while spent < full_measurements * BUDGETS[-1]:
        proposal = searcher.ask()
        assert proposal is not None
        loss = bowl(proposal.configuration)
        searcher.tell(proposal, loss + shift)
        spent += proposal.budget
        if proposal.budget == BUDGETS[-1]:
            best = min(best, loss)
    return math.log10(max(best, 1e-12))


def written(proposal: Proposal) -> list[Any]:
    """A proposal as plain data."""
    return [dict(proposal.configuration), proposal.budget]


def in_fresh_process(searcher: str, seed: int, proposals: int) -> list[Any]:
    """The result of `explore` in another interpreter, whose string hashes differ."""
    code = (
        "import json, sys; from infraray.testing.searcher import *; "
        "name, seed, count = json.loads(sys.argv[1]); "
        "found = explore(make_searcher(name, ENGINE, BUDGETS, seed), count); "
        "print(json.dumps([written(proposal) for proposal, _ in found]))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "12345", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps([searcher, seed, proposals])],
        capture_output=True,
        text=True,
        env=environment,
        timeout=300,
    )
    if done.returncode != 0:
        raise RuntimeError(f"a fresh interpreter could not search with {searcher}:\n{done.stderr}")
    answer: list[Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def _bumpy(configuration: Configuration, number: int) -> float:
    """A loss on any space that depends on the configuration, with a failure now and then."""
    if number % 7 == 3:
        return PENALTY
    return float(sum(len(text) * (place + 1) for place, text in enumerate(map(str, configuration.values()))) % 13)


def _all_switches() -> Sequence[Configuration]:
    return [{"mode": mode, "level": level} for mode in ("slow", "fast") for level in range(4)]
