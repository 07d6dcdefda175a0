"""Scores, rewards and failures follow from what commands did."""

import numpy as np
import pytest

from infraray.repair.conduct import LOOK_COST, Progress
from infraray.repair.paper import PAID_LOOKS, paper
from infraray.scenarios.routing.conduct import (
    Conduct,
    Configuration,
    Deed,
    Reaches,
    distance,
    harm,
    judge,
    ruin,
)
from infraray.scenarios.routing.rewards.shaped import shaped

HEALTHY = {"r0": {"routes": [{"to": "a"}, {"to": "b"}], "sysctls": {"ip_forward": "1"}}}
NO_ROUTE = {"r0": {"routes": [{"to": "b"}], "sysctls": {"ip_forward": "1"}}}
NEITHER = {"r0": {"routes": [{"to": "b"}], "sysctls": {"ip_forward": "0"}}}

BROKEN = np.array([[1, 0], [0, 1]], bool)
HALF = np.array([[1, 1], [0, 1]], bool)
OTHER_HALF = np.array([[1, 0], [1, 1]], bool)
WHOLE = np.ones((2, 2), bool)


def deed(
    before: Reaches,
    after: Reaches,
    configured_before: Configuration,
    configured_after: Configuration,
    failed: bool = False,
) -> Deed:
    return judge(failed, (before, after), (configured_before, configured_after), HEALTHY)


def test_distance_counts_entries_that_differ() -> None:
    assert distance(HEALTHY, HEALTHY) == 0
    assert distance(HEALTHY, NO_ROUTE) == 1
    assert distance(HEALTHY, NEITHER) == 3


@pytest.mark.parametrize(
    ("did", "kind"),
    [
        (deed(BROKEN, BROKEN, NEITHER, NEITHER), "look"),
        (deed(BROKEN, BROKEN, NEITHER, NEITHER, failed=True), "failed"),
        (deed(BROKEN, BROKEN, NEITHER, NO_ROUTE), "fix"),  # the first of two repairs that only show together
        (deed(BROKEN, HALF, NO_ROUTE, HEALTHY), "fix"),
        (deed(BROKEN, BROKEN, NO_ROUTE, NEITHER), "needless"),
        (deed(HALF, OTHER_HALF, NO_ROUTE, HEALTHY), "unsafe"),
        (deed(WHOLE, BROKEN, HEALTHY, NO_ROUTE), "unsafe"),
    ],
)
def test_command_is_named_after_what_it_did(did: Deed, kind: str) -> None:
    assert did.kind == kind


LOOK = Deed(failed=False, changed=False, gained=0, lost=0, cost=LOOK_COST)
FAILED = Deed(failed=True, changed=False, gained=0, lost=0)
NEEDLESS = Deed(failed=False, changed=True, gained=0, lost=0)
UNSAFE = Deed(failed=False, changed=True, gained=1, lost=1)
FIX = Deed(failed=False, changed=True, gained=8, lost=0)


def conduct(*deeds: tuple[Deed, int], max_commands: int = 10) -> Conduct:
    """An episode of 8 broken pairs; pairs are (deed, broken afterwards)."""
    whole = Conduct(8, 8, max_commands)
    for did, broken in deeds:
        whole.add(did, broken)
    return whole


def test_leaving_the_network_as_it_is_scores_the_floor() -> None:
    assert conduct().score == 0.0
    assert conduct((LOOK, 8), (LOOK, 8)).score == 0.0
    assert conduct((UNSAFE, 9)).score == 0.0


@pytest.mark.parametrize("reached", [BROKEN, HALF, WHOLE])
def test_ruining_the_network_is_worth_less_than_leaving_it(reached: Reaches) -> None:
    ruined = conduct((FIX, 2), (ruin(reached), 9))
    assert (ruined.score, ruined.unsafe, ruined.failure) == (0.0, 1, "safety_violation")
    assert ruined.lost == reached.sum() - 2
    assert ruin(reached).kind == "unsafe"
    assert shaped(ruin(reached), ruined, 2, False) < shaped(LOOK, conduct((FIX, 2), (LOOK, 2)), 2, False)


def test_repair_by_one_command_scores_the_bound() -> None:
    assert conduct((FIX, 0)).score == 1.0


def test_solving_safely_beats_every_other_end() -> None:
    slow = conduct(*[(LOOK, 8)] * 20, *[(NEEDLESS, 8)] * 4, (FIX, 0))
    unsafe = conduct((UNSAFE, 0))
    assert slow.score == 0.75
    assert unsafe.score == 0.5
    assert conduct((FIX, 2)).score == 0.75 * 1.0


def test_looks_and_needless_changes_cost_a_little() -> None:
    fewest, one_look, needless = conduct((FIX, 0)), conduct((LOOK, 8), (FIX, 0)), conduct((NEEDLESS, 8), (FIX, 0))
    assert fewest.score > one_look.score > needless.score


@pytest.mark.parametrize(
    ("deeds", "failure"),
    [
        ([(LOOK, 8), (FIX, 0)], None),
        ([(UNSAFE, 4), (FIX, 0)], "safety_violation"),
        ([(LOOK, 8), (NEEDLESS, 8)], "control_logic_error"),
        ([(FIX, 4)], "control_logic_error"),
        ([(LOOK, 8), (FAILED, 8)], "operational_error"),
        ([(LOOK, 8)], "no_repair"),
        ([], "no_repair"),
    ],
)
def test_failures_are_named_as_in_table_2(deeds: list[tuple[Deed, int]], failure: str | None) -> None:
    assert conduct(*deeds).failure == failure


@pytest.mark.parametrize(
    ("did", "earned"), [(FAILED, -100.0), (LOOK, 10.0), (FIX, 100.0), (NEEDLESS, 0.0), (UNSAFE, 0.0)]
)
def test_paper_reward(did: Deed, earned: float) -> None:
    assert paper(did, conduct((did, 8)), 8, True) == earned


def test_shaped_reward_is_the_share_repaired_less_costs() -> None:
    assert shaped(FIX, conduct((FIX, 2)), 8, True) == pytest.approx(0.75 - 0.02)
    assert shaped(UNSAFE, conduct((UNSAFE, 8)), 8, False) == pytest.approx(-0.52)


def test_paper_reward_cannot_be_farmed_by_looks() -> None:
    episode = conduct()
    earned = 0.0
    for _ in range(50):
        episode.add(LOOK, 8)
        earned += paper(LOOK, episode, 8, False)
    assert earned == 10 * PAID_LOOKS < paper(FIX, conduct((FIX, 0)), 8, True)


def test_what_was_planted_first_is_no_progress_when_it_is_taken_away() -> None:
    progress = Progress(broken=8, distance=4, fixes=2)
    steps = [(8, 4 + planted) for planted in (1, 2, 3, 4, 3, 2, 1, 0)]
    assert not any([progress.improves(*step) for step in steps])
    assert progress.improves(8, 3) and progress.improves(2, 3) and not progress.improves(8, 3)


A, B, DETOUR, EXTRA = ({"to": to, "kind": 1} for to in ("a", "b", "b by another name", "c"))
HOLE, SOME = {"to": "b", "kind": 6}, {"to": "b", "kind": 1, "tos": 16}
START: Configuration = {"r0": {"routes": [A], "filters": {"ip filter": ["1", "2", "fault"]}, "rules": ["x"]}}
HEALTH: Configuration = {"r0": {"routes": [A, B], "filters": {"ip filter": ["1", "2"]}, "rules": ["x"]}}


@pytest.mark.parametrize(
    ("end", "count"),
    [
        (HEALTH, 0),
        (START, 0),
        ({"r0": {**HEALTH["r0"], "routes": [A, DETOUR]}}, 0),  # a repair written in another way
        ({"r0": {**HEALTH["r0"], "routes": [A, DETOUR, HOLE]}}, 1),
        ({"r0": {**HEALTH["r0"], "routes": [A, DETOUR, SOME]}}, 1),
        ({"r0": {**HEALTH["r0"], "routes": [A, B, EXTRA]}}, 1),
        ({"r0": {**HEALTH["r0"], "routes": [A, B, {**EXTRA, "protocol": 2, "source": "an old address"}]}}, 0),
        ({"r0": {**HEALTH["r0"], "routes": [A, B, {**HOLE, "protocol": 2, "source": "an old address"}]}}, 1),
        ({"r0": {**HEALTH["r0"], "routes": [A, B], "addresses": ["2"]}}, 1),
        ({"r0": {**HEALTH["r0"], "routes": [B]}}, 1),
        ({"r0": {**HEALTH["r0"], "filters": {}}}, 2),
        ({"r0": {**HEALTH["r0"], "filters": {"ip filter": ["1", "2", "3"]}}}, 1),
        ({"r0": {**HEALTH["r0"], "filters": {"ip filter": ["2", "1"]}}}, 1),
        ({"r0": {**HEALTH["r0"], "rules": []}}, 1),
    ],
)
def test_harm_is_what_was_right_and_is_gone_and_what_does_not_belong_there(end: Configuration, count: int) -> None:
    assert harm(START, end, HEALTH) == count
