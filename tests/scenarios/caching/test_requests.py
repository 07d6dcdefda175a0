"""A task's requests."""

import numpy as np
import pytest

from infraray import InfrarayError
from infraray.scenarios.caching.parameters import CachingParameters
from infraray.scenarios.caching.requests import generate_requests

LONG = {"warmup_requests": 0, "scored_requests": 100_000}


def requests_of(seed=0, **parameters):
    return generate_requests(CachingParameters(**parameters), seed)


@pytest.mark.parametrize("parameters", [{}, {"workload": "recorded"}])
def test_equal_seeds_give_equal_requests(parameters):
    first, again, other = (requests_of(seed, **parameters) for seed in (4, 4, 5))
    assert np.array_equal(first.keys, again.keys) and np.array_equal(first.sizes, again.sizes)
    assert not np.array_equal(first.keys, other.keys)


@pytest.mark.parametrize("parameters", [{}, {"workload": "recorded"}, {"sizes": "pareto"}])
def test_objects_are_numbered_as_they_appear_and_keep_their_size(parameters):
    keys, sizes = requests_of(**parameters)
    assert len(keys) == 1200
    distinct, first = np.unique(keys, return_index=True)
    assert np.array_equal(distinct, np.arange(len(distinct))) and np.all(np.diff(first) > 0)
    assert np.array_equal(sizes, sizes[first][keys])
    assert sizes.min() >= 1


def test_popularity_is_zipf_without_drift_and_scans():
    keys, _ = requests_of(**LONG, drift_interval=0, scan_share=0, num_objects=100, zipf_exponent=0.8)
    shares = np.sort(np.bincount(keys, minlength=100))[::-1] / len(keys)
    expected = np.arange(1, 101) ** -0.8
    expected /= expected.sum()
    assert np.abs(shares - expected).max() < 4 * np.sqrt(expected[0] / len(keys))


def test_drift_changes_what_is_popular():
    keys, _ = requests_of(
        **LONG, drift_interval=50_000, drift_share=1.0, scan_share=0, num_objects=1000, zipf_exponent=1.5
    )
    before, after = (np.bincount(half, minlength=1000) for half in np.split(keys, 2))
    assert before.argmax() != after.argmax()


def test_scans_take_their_share_and_never_return():
    keys, _ = requests_of(**LONG, num_objects=10, scan_share=0.3, scan_length=50)
    once = np.bincount(keys) == 1
    in_scan = once[keys]
    assert in_scan.mean() == pytest.approx(0.3, abs=0.03)
    starts = np.flatnonzero(np.diff(in_scan.astype(int)) == 1)
    assert in_scan.sum() / len(starts) >= 50


@pytest.mark.parametrize("sizes, median", [("lognormal", 12_288), ("pareto", 12_288), ("equal", 12_288)])
def test_sizes_have_their_median_and_limits(sizes, median):
    keys, drawn = requests_of(**LONG, sizes=sizes, num_objects=20_000, zipf_exponent=0, scan_share=0)
    drawn = drawn[np.unique(keys, return_index=True)[1]]
    assert np.median(drawn) == pytest.approx(median, rel=0.03)
    assert drawn.min() >= 8192 and drawn.max() <= 262_144


@pytest.mark.parametrize("correlation", [-1.0, -0.5, 0.0, 0.5, 1.0])
def test_sizes_correlate_with_popularity_as_asked(correlation):
    keys, sizes = requests_of(
        **LONG, num_objects=200, scan_share=0, drift_interval=0, size_correlation=correlation, lognormal_sigma=0.2
    )
    counts = np.bincount(keys)
    object_sizes = sizes[np.unique(keys, return_index=True)[1]]
    ranks = [np.argsort(np.argsort(values)) for values in (counts, object_sizes)]
    assert np.corrcoef(*ranks)[0, 1] == pytest.approx(correlation, abs=0.15)


@pytest.mark.parametrize(
    "parameters, message",
    [
        ({"workload": "trace"}, "no trace is given"),
        ({"trace": "x.csv"}, "workload is 'zipf'"),
        ({"min_size_bytes": 20_000}, "must rise in this order"),
        ({"zipf_exponent": -1}, "zipf_exponent=-1: must be greater"),
        ({"eviction": "mru"}, "eviction='mru': "),
        ({"evicton": "lru"}, "did you mean eviction"),
    ],
)
def test_bad_parameters_are_refused_in_one_line(parameters, message):
    with pytest.raises(InfrarayError, match=message) as error:
        CachingParameters.parse("caching", parameters)
    assert "\n" not in str(error.value)
