"""Every registered searcher keeps what the conformance suite asks."""

import sys

import numpy as np
import pytest

from infraray.errors import InfrarayError, UnknownName
from infraray.space import Float, SearchSpace
from infraray.space.sampling import sample
from infraray.testing import SearcherConformance
from infraray.tune.searchers import (
    Proposal,
    find_searcher,
    make_searcher,
    registered_searchers,
    registry,
)
from infraray.tune.searchers.brackets import Bracket, bracket_sizes, budget_ladder


class TestRandom(SearcherConformance):
    searcher = "random"
    beats_random = False


class TestTpe(SearcherConformance):
    searcher = "tpe"


class TestBohb(SearcherConformance):
    searcher = "bohb"


class TestSmac(SearcherConformance):
    searcher = "smac"
    seeds = range(4)


@pytest.mark.parametrize("seed", range(3))
def test_tpe_models_dimensions_together(seed):
    """What is good lies along x = y, of which neither dimension by itself knows."""
    space = SearchSpace("valley", 1, tuple(Float(name, 0.0, 1.0, default=0.5) for name in "xy"))
    searcher = make_searcher("tpe", space, (1,), seed)
    random = np.random.default_rng(seed)
    for _ in range(100):
        told = sample(space, random)
        searcher.tell(Proposal(told, 1), abs(told["x"] - told["y"]))
    asked = [searcher.ask().configuration for _ in range(30)]
    # Of uniform x and y it is 1/3.
    assert np.mean([abs(one["x"] - one["y"]) for one in asked]) < 0.15


def test_every_registered_searcher_is_held_against_the_suite():
    tested = {case.searcher for case in SearcherConformance.__subclasses__() if case.__module__ == __name__}
    assert tested == set(registered_searchers())


def test_unknown_searcher_is_told_the_nearest_name():
    with pytest.raises(UnknownName, match="unknown searcher 'smack'; did you mean smac"):
        find_searcher("smack")


def test_missing_package_names_the_extra(monkeypatch):
    for module in ("tpe", "optuna_space"):
        monkeypatch.delitem(sys.modules, f"infraray.tune.searchers.{module}", raising=False)
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(InfrarayError, match=r"searcher tpe: needs optuna; pip install 'infraray\[search\]'"):
        find_searcher("tpe")


def test_missing_package_of_others_is_one_line(monkeypatch):
    monkeypatch.setitem(registry.searchers._entries, "far", "package_that_is_not_there:Far")
    with pytest.raises(InfrarayError, match=r"^searcher far: .*package_that_is_not_there"):
        find_searcher("far")


@pytest.mark.parametrize(
    ("smallest", "largest", "ladder"),
    [(1, 9, (1, 3, 9)), (2, 20, (2, 7, 20)), (5, 5, (5,)), (1, 2, (2,)), (100, 512, (171, 512)), (1, 1, (1,))],
)
def test_budgets_rise_by_three(smallest, largest, ladder):
    assert budget_ladder(smallest, largest) == ladder


def test_brackets_are_those_of_hyperband():
    # Li et al. (2018), table 1, for R = 81 and eta = 3: configurations of each rung, the deepest bracket first.
    assert list(bracket_sizes(5)) == [[81, 27, 9, 3, 1], [34, 11, 3, 1], [15, 5, 1], [8, 2], [5]]


def test_best_of_a_rung_are_promoted_and_the_held_one_goes_first():
    bracket = Bracket((1, 3), (4, 2))
    configurations = [{"x": float(number)} for number in range(4)]
    for configuration, loss in zip(configurations, (3.0, 1.0, 2.0, 0.5), strict=True):
        bracket.proposed += 1
        bracket.add(configuration, loss)
    assert bracket.budget == 3 and bracket.has_room
    assert bracket.promoted(configurations[1]) == configurations[1]
    assert bracket.promoted(configurations[2]) == configurations[3]
