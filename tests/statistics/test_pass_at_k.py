"""pass@k and pass^k are the shares of all choices of k attempts, counted out."""

from itertools import combinations

import pytest

from infraray.statistics.pass_at_k import pass_at_k, pass_hat_k, passes


@pytest.mark.parametrize("n", range(1, 8))
def test_they_are_the_shares_of_all_choices_of_attempts(n: int) -> None:
    for c in range(n + 1):
        attempts = [True] * c + [False] * (n - c)
        for k in range(1, n + 1):
            chosen = list(combinations(attempts, k))
            assert pass_at_k(n, c, k) == pytest.approx(sum(map(any, chosen)) / len(chosen))
            assert pass_hat_k(n, c, k) == pytest.approx(sum(map(all, chosen)) / len(chosen))


def test_the_largest_k_that_all_tasks_allow_is_taken() -> None:
    found = passes({(4, 4): 1, (3, 0): 1, (5, 2): 1, (0, 0): 7})
    assert found is not None and (found.k, found.tasks) == (3, 3)
    assert found.any == pytest.approx((1 + 0 + 0.9) / 3) and found.all == pytest.approx(1 / 3)
    assert passes({}) is passes({(1, 1): 1, (7, 3): 1}) is None


def test_equal_tasks_count_as_often_as_they_are_there() -> None:
    found = passes({(3, 1): 2, (3, 3): 1})
    assert found is not None and found.tasks == 3
    assert (found.any, found.all) == pytest.approx(((2 * 1 + 1) / 3, 1 / 3))
