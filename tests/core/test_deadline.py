"""A time limit is obeyed wherever the code inside is, also inside another limit."""

import time

import pytest

from infraray.deadline import TimeLimit, time_limit

pytestmark = pytest.mark.alone


def test_sleep_is_broken_off():
    began = time.monotonic()
    with pytest.raises(TimeLimit, match=r"over the limit of 0\.2 s"), time_limit(0.2):
        time.sleep(10)
    assert time.monotonic() - began < 1


def test_outer_limit_holds_inside_an_inner_one_that_swallows_it():
    began = time.monotonic()
    with pytest.raises(TimeLimit, match=r"over the limit of 0\.2 s"), time_limit(0.2):
        try:
            with time_limit(10):
                time.sleep(10)
        except TimeLimit:
            pass
        time.sleep(10)
    assert time.monotonic() - began < 1


def test_inner_limit_leaves_the_outer_one_its_time():
    began = time.monotonic()
    with pytest.raises(TimeLimit, match=r"over the limit of 0\.6 s"), time_limit(0.6):
        with pytest.raises(TimeLimit, match=r"over the limit of 0\.2 s"), time_limit(0.2):
            time.sleep(10)
        time.sleep(10)
    assert 0.5 < time.monotonic() - began < 1.5


def test_limit_that_was_not_reached_leaves_nothing_behind():
    with time_limit(0.2), time_limit(0.1):
        pass
    time.sleep(0.4)
