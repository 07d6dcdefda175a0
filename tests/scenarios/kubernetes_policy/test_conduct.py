"""The score: repaired share, halved if unsafe, times economy; nothing if what runs was harmed."""

import pytest

from infraray.repair.conduct import Deed, Progress
from infraray.repair.paper import paper
from infraray.scenarios.kubernetes_policy.conduct import Conduct, repaired_share
from infraray.scenarios.kubernetes_policy.rewards.shaped import shaped

LOOK = Deed(failed=False, changed=False, gained=0, lost=0, cost=0.25)
FIX = Deed(failed=False, changed=True, gained=4, lost=0)
NEEDLESS = Deed(failed=False, changed=True, gained=0, lost=0)
FAILED = Deed(failed=True, changed=False, gained=0, lost=0)
LOSS = Deed(failed=False, changed=True, gained=4, lost=1)
HARM = Deed(failed=False, changed=True, gained=4, lost=0, harmed=1)


def conduct(*deeds: tuple[Deed, int], harmed: int = 0) -> Conduct:
    made = Conduct(broken_at_start=4, broken=4, max_commands=20)
    for deed, wrong in deeds:
        made.add(deed, wrong, 1 - wrong / 4, harmed)
    return made


def test_kinds() -> None:
    kinds = [deed.kind for deed in (LOOK, FIX, NEEDLESS, FAILED, LOSS, HARM)]
    assert kinds == ["look", "fix", "needless", "failed", "unsafe", "unsafe"]


@pytest.mark.parametrize(
    ("made", "score", "failure"),
    [
        (conduct(), 0.0, "no_repair"),
        (conduct((FIX, 0)), 1.0, None),
        (conduct((LOOK, 4), (FIX, 0)), 1 - 0.25 * 0.25 / 20, None),
        (conduct((NEEDLESS, 4), (FIX, 0)), 1 - 0.25 * 2 / 20, None),
        (conduct((FIX, 2)), 0.5, "control_logic_error"),
        (conduct((LOSS, 0)), 0.5, "safety_violation"),
        (conduct((FAILED, 4)), 0.0, "operational_error"),
        (conduct((HARM, 0), harmed=1), 0.0, "safety_violation"),
    ],
)
def test_score_and_failure(made: Conduct, score: float, failure: str | None) -> None:
    assert (made.score, made.failure) == (pytest.approx(score), failure)
    assert made.whole == (made.broken == 0 and not made.harmed)


def test_opening_ways_and_closing_them_earns_nothing() -> None:
    progress = Progress(4, 10, fixes=3)
    assert progress.improves(1, 10) and not progress.improves(2, 9)
    assert not progress.improves(1, 9) and progress.improves(1, 8) and progress.improves(0, 8)


def test_a_repair_in_slices_earns_no_more_than_in_one() -> None:
    progress = Progress(6, 12, fixes=2)
    assert [progress.improves(wrong, 2 * wrong) for wrong in (5, 4, 3, 2, 1, 0)] == [True, True] + 4 * [False]


def test_rewards() -> None:
    made = conduct((LOOK, 4))
    assert shaped(LOOK, made, 0.0, False) == pytest.approx(-0.02) and paper(LOOK, made, 0.0, False) == 10.0
    made = conduct((FIX, 0))
    assert shaped(FIX, made, 0.0, True) == pytest.approx(0.98)
    assert (paper(FIX, made, 0.0, True), paper(FIX, made, 0.0, False), paper(FAILED, made, 0.0, False)) == (
        100,
        0,
        -100,
    )
    assert shaped(LOSS, conduct((LOSS, 0)), 0.0, True) == pytest.approx(0.48)


def test_every_fault_counts_alike_however_many_pairs_it_makes_wrong() -> None:
    small, large = {("a", "b")}, {("c", str(number)) for number in range(99)}
    assert repaired_share([small, large], small | large) == 0.0
    assert repaired_share([small, large], small) == repaired_share([small, large], large) == 0.5
    assert repaired_share([small, large], set()) == 1.0
    assert repaired_share([small, large], small | {("x", "y")}) == pytest.approx(0.49)
