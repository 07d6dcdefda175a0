"""Runs add up to the paper's own figures."""

import math
from dataclasses import replace

import pytest

from infraray.errors import InfrarayError
from infraray.scenarios.inference.scoring import (
    ScoredRun,
    SubmissionStatus,
    aggregate_score,
    speedup,
    submission_status,
)


@pytest.mark.parametrize(
    ("cells", "aggregate"),
    [
        ((4.37, 15.23, 46.70, 5.69), 11.53),
        ((3.47, 12.03, 33.93, 3.01), 8.08),
        ((1.25, 2.25, 48.69, 1.96), 4.05),
        ((0.77, 1.00, 3.11, 1.00), 1.24),
        ((7.84, 18.07, 37.21, 4.40), 12.34),
    ],
)
def test_aggregates_of_the_papers_table_come_out(cells, aggregate):
    """InferenceBench, Tables 2 and 4: the geometric mean of the displayed means."""
    runs = [ScoredRun("ABCD"[place], 0, SubmissionStatus.PASSED, value) for place, value in enumerate(cells)]
    assert aggregate_score(runs).aggregate.value == pytest.approx(aggregate, abs=0.006)


@pytest.mark.parametrize(
    ("objective", "score", "reference", "expected"),
    [
        ("ttft", 0.24207, 0.840, 3.47),  # Tables 2 and 11, Claude Sonnet 4.6
        ("tpot", 0.00341, 0.041, 12.02),
        ("request_throughput", 4.48, 0.132, 33.94),
        ("balanced", 5.06, 1.68, 3.01),
    ],
)
def test_speedups_of_native_units_come_out(objective, score, reference, expected):
    assert speedup(objective, score, reference) == pytest.approx(expected, abs=0.006)


@pytest.mark.parametrize(("score", "reference"), [(0.0, 1.0), (math.inf, 1.0), (math.nan, 1.0), (1.0, 0.0)])
def test_without_a_measurement_there_is_no_speedup_and_the_server_failed(score, reference):
    assert math.isnan(speedup("ttft", score, reference))
    assert submission_status(speedup("ttft", score, reference), True, True) is SubmissionStatus.SERVER_FAILED


def test_each_run_has_one_outcome():
    assert submission_status(2.0, True, True) is SubmissionStatus.PASSED
    assert submission_status(2.0, False, False) is SubmissionStatus.QUALITY_FAILED
    assert submission_status(2.0, True, False) is SubmissionStatus.INTEGRITY_FLAGGED
    assert submission_status(2.0, True, False, accused=False) is SubmissionStatus.NOT_VERIFIED
    assert ScoredRun("A", 0, SubmissionStatus.NOT_VERIFIED, 2.0).utility == 1.0


def runs(failed=()):
    values = {("A", 0): 2.0, ("A", 1): 4.0, ("A", 2): 3.0, ("C", 0): 30.0, ("C", 1): 20.0, ("C", 2): 10.0}
    kinds = {cell: SubmissionStatus.QUALITY_FAILED if cell in failed else SubmissionStatus.PASSED for cell in values}
    return [ScoredRun(*cell, kinds[cell], value) for cell, value in values.items()]


def test_a_failed_run_counts_as_the_reference_and_is_never_left_out():
    total = aggregate_score(runs(failed=[("C", 0)]))
    assert total.workloads["C"].value == pytest.approx(31 / 3)
    assert total.workloads["C"].sem == pytest.approx(5.4874, abs=1e-4)
    assert total.outcomes[SubmissionStatus.QUALITY_FAILED] == 1 and total.outcomes[SubmissionStatus.PASSED] == 5
    with pytest.raises(InfrarayError, match="no run of C, seed pair 0"):
        aggregate_score(runs()[:3] + runs()[4:])
    with pytest.raises(InfrarayError, match="occurs twice"):
        aggregate_score([*runs(), runs()[0]])
    with pytest.raises(InfrarayError, match="no runs"):
        aggregate_score([])


def test_the_aggregates_error_is_that_of_the_seed_pairs():
    by_seed = [math.sqrt(2 * 30), math.sqrt(4 * 20), math.sqrt(3 * 10)]
    mean = sum(by_seed) / 3
    error = math.sqrt(sum((value - mean) ** 2 for value in by_seed) / 2 / 3)
    total = aggregate_score(runs())
    assert total.aggregate.value == pytest.approx(math.sqrt(3 * 20))
    assert total.aggregate.sem == pytest.approx(error)
    assert math.isnan(aggregate_score(runs()[::3]).aggregate.sem)


def test_the_best_that_was_seen_stands_beside_what_was_submitted():
    """A run that found 25 and submitted what fails was worth 1, and could have been worth 25."""
    lost, *others = runs(failed=[("A", 0)])
    total = aggregate_score([replace(lost, best_seen=25.0), *others])
    assert total.workloads["A"].value == pytest.approx((1 + 4 + 3) / 3)
    assert total.best_seen["A"].value == pytest.approx((25 + 4 + 3) / 3)
    assert total.best_seen["C"] == total.workloads["C"]
    slow = ScoredRun("A", 0, SubmissionStatus.PASSED, 0.8)
    assert aggregate_score([slow]).best_seen["A"].value == aggregate_score([slow]).workloads["A"].value == 0.8


def test_repetitions_count_with_their_mean_and_no_seed_pair_counts_twice():
    again = ScoredRun("A", 0, SubmissionStatus.PASSED, 4.0, repetition=1)
    total = aggregate_score([*runs(), again])
    assert total.workloads["A"].value == pytest.approx((3 + 4 + 3) / 3)
    assert total.outcomes[SubmissionStatus.PASSED] == 7
