"""Schedules: the same for the same seed, and of the stated law."""

import numpy as np
import pytest
from scipy import stats

from infraray.load.arrivals import arrival_times
from infraray.load.workloads import Traffic

POISSON = Traffic(arrivals="poisson", rate=32.0)


def test_equal_seeds_give_equal_times_and_others_do_not() -> None:
    assert np.array_equal(arrival_times(POISSON, 256, 1337), arrival_times(POISSON, 256, 1337))
    assert not np.array_equal(arrival_times(POISSON, 256, 1337), arrival_times(POISSON, 256, 21))


def test_a_longer_schedule_begins_as_the_shorter_one() -> None:
    assert np.array_equal(arrival_times(POISSON, 400, 7)[:100], arrival_times(POISSON, 100, 7))


def test_poisson_gaps_are_exponential_with_the_rate() -> None:
    gaps = np.diff(arrival_times(POISSON, 20_001, 3))
    assert gaps.mean() == pytest.approx(1 / 32, rel=0.03)
    assert stats.kstest(gaps, "expon", args=(0, 1 / 32)).pvalue > 0.01
    assert abs(np.corrcoef(gaps[1:], gaps[:-1])[0, 1]) < 0.03


def test_constant_traffic_comes_at_equal_distances_and_a_burst_at_once() -> None:
    assert arrival_times(Traffic(arrivals="constant", rate=16.0), 5, 1).tolist() == [0, 1 / 16, 2 / 16, 3 / 16, 4 / 16]
    assert arrival_times(Traffic(concurrency=4), 3, 1).tolist() == [0, 0, 0]


def test_the_first_request_is_due_at_the_start() -> None:
    assert arrival_times(POISSON, 10, 5)[0] == 0
