import math

import numpy as np
import pytest
from scipy import stats

from infraray.statistics.intervals import BOOTSTRAP_FROM, BOOTSTRAP_GROUPS, Estimate, TaskBootstrap
from infraray.statistics.power import POWER, about, seeds_to_separate
from infraray.statistics.rates import estimate_rate
from infraray.statistics.student_t import t_quantile


def coverage(estimates, truth):
    return np.mean([estimate.low <= truth <= estimate.high for estimate in estimates])


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 5, 9, 10, 30, 1000, 10**6])
@pytest.mark.parametrize("probability", [0.9, 0.975, 0.995])
def test_t_quantile_agrees_with_scipy(degrees, probability):
    assert t_quantile(probability, degrees) == pytest.approx(stats.t.ppf(probability, degrees), rel=1e-4)


def test_t_quantile_is_exact_enough_where_the_reports_use_it():
    degrees = range(1, 200)
    found = [t_quantile(0.975, n) for n in degrees]
    np.testing.assert_allclose(found, stats.t.ppf(0.975, degrees), rtol=1e-6)


def test_mean_and_sem_agree_with_scipy():
    values = np.random.default_rng(1).lognormal(size=(3, 50))
    for row, estimate in zip(values, TaskBootstrap(50).means(values), strict=True):
        assert estimate.value == pytest.approx(row.mean())
        assert estimate.sem == pytest.approx(stats.sem(row))
        assert estimate.n == 50


def test_interval_of_few_tasks_is_student_t():
    values = np.random.default_rng(1).normal(size=BOOTSTRAP_FROM - 1)
    (estimate,) = TaskBootstrap(len(values)).means(values[None])
    expected = stats.t.interval(0.95, len(values) - 1, loc=values.mean(), scale=stats.sem(values))
    assert (estimate.low, estimate.high) == pytest.approx(expected)


@pytest.mark.parametrize("tasks", [BOOTSTRAP_GROUPS + 1, 3 * BOOTSTRAP_GROUPS - 1, 10_000])
def test_interval_of_many_tasks_that_are_drawn_in_groups_is_as_wide_as_students_t(tasks):
    values = np.random.default_rng(1).exponential(size=tasks)
    (estimate,) = TaskBootstrap(tasks).means(values[None])
    low, high = stats.t.interval(0.95, tasks - 1, loc=values.mean(), scale=stats.sem(values))
    assert (estimate.low, estimate.high) == pytest.approx((low, high), abs=0.05 * (high - low))


def test_bootstrap_interval_agrees_with_scipys_percentile_bootstrap():
    values = np.random.default_rng(2).exponential(size=400)
    (estimate,) = TaskBootstrap(400).means(values[None])
    expected = stats.bootstrap((values,), np.mean, method="percentile", n_resamples=20_000, rng=3).confidence_interval
    width = expected.high - expected.low
    assert estimate.low == pytest.approx(expected.low, abs=0.04 * width)
    assert estimate.high == pytest.approx(expected.high, abs=0.04 * width)


@pytest.mark.parametrize("tasks", [4, 7, 10, 20, 100])
def test_95_percent_interval_of_a_mean_covers_95_percent(tasks):
    runs = 2500
    values = np.random.default_rng(tasks).normal(5, 2, size=(runs, tasks))
    # Three standard errors of a simulated rate, and what the percentiles of 5,000 resamples are off.
    assert coverage(TaskBootstrap(tasks).means(values), 5) == pytest.approx(
        0.95, abs=3 * math.sqrt(0.95 * 0.05 / runs) + (0.01 if tasks < 10 else 0.005)
    )


def test_interval_of_a_skewed_mean_covers_nearly_95_percent():
    values = np.random.default_rng(5).exponential(size=(2000, 60))
    assert 0.92 < coverage(TaskBootstrap(60).means(values), 1) < 0.96


def test_interval_of_a_ratio_of_means_covers_95_percent():
    generator = np.random.default_rng(6)
    spans = generator.uniform(1, 3, size=(2000, 40))
    gained = 0.7 * spans + generator.normal(0, 0.3, size=spans.shape)
    assert 0.935 < coverage(TaskBootstrap(40).ratios(gained, spans), 0.7) < 0.965


def test_missing_values_do_not_count():
    values = np.random.default_rng(7).normal(size=(1, 30))
    with_gaps = np.insert(values, [3, 3, 20], np.nan, axis=1)
    (estimate,) = TaskBootstrap(33).means(with_gaps)
    (complete,) = TaskBootstrap(30).means(values)
    assert (estimate.value, estimate.sem, estimate.n) == pytest.approx((complete.value, complete.sem, 30))
    assert estimate.low == pytest.approx(complete.low, abs=0.1 * complete.sem)


def test_offset_of_a_million_costs_no_precision():
    values = np.random.default_rng(8).normal(size=(1, 30))
    (small,), (large,) = TaskBootstrap(30).means(values), TaskBootstrap(30).means(values + 1e6)
    assert large.high - 1e6 == pytest.approx(small.high, abs=1e-4)


def test_no_task_and_one_task_give_no_interval():
    none, one = TaskBootstrap(2).means(np.array([[np.nan, np.nan], [4.0, np.nan]]))
    assert none.n == 0 and math.isnan(none.value) and math.isnan(none.low)
    assert one.n == 1 and one.value == 4 and math.isnan(one.sem) and math.isnan(one.high)
    assert TaskBootstrap(0).means(np.empty((1, 0)))[0].n == 0


def test_equal_scores_give_an_interval_without_width():
    (estimate,) = TaskBootstrap(20).means(np.full((1, 20), 0.1))
    assert estimate.sem == pytest.approx(0, abs=1e-15)
    assert (estimate.low, estimate.high) == pytest.approx((0.1, 0.1))


def test_bootstrap_is_the_same_every_time():
    values = np.random.default_rng(9).exponential(size=(4, 50))
    assert TaskBootstrap(50).means(values) == TaskBootstrap(50).means(values)


@pytest.mark.parametrize(("successes", "n"), [(0, 5), (5, 5), (3, 20), (1, 1), (95, 100), (2, 500)])
def test_rate_near_the_edge_or_of_few_tasks_has_wilsons_interval(successes, n):
    expected = stats.binomtest(successes, n).proportion_ci(0.95, method="wilson")
    found = estimate_rate(successes / n, n)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_rate_of_many_tasks_has_the_normal_interval():
    found = estimate_rate(0.3, 100)
    assert found.sem == pytest.approx(math.sqrt(0.3 * 0.7 / 100))
    assert (found.low, found.high) == pytest.approx((0.3 - 1.959964 * found.sem, 0.3 + 1.959964 * found.sem))


@pytest.mark.parametrize("n", [10, 30, 60, 200])
def test_interval_of_a_rate_covers_about_95_percent(n):
    successes = np.arange(n + 1)
    found = [estimate_rate(count / n, n) for count in successes]
    low, high = np.array([(estimate.low, estimate.high) for estimate in found]).T
    # Binomial counts are discrete, so coverage jumps with the rate; over rates it must average out.
    rates = np.linspace(0.05, 0.95, 91)
    covered = [stats.binom.pmf(successes, n, p)[(low <= p) & (p <= high)].sum() for p in rates]
    assert np.mean(covered) == pytest.approx(0.95, abs=0.01)
    assert np.min(covered) > 0.85


def test_rate_of_nothing_is_unknown():
    assert math.isnan(estimate_rate(math.nan, 0).value)


@pytest.mark.parametrize("tasks", [2, 3, 5, 7, 12, 40, 1200])
def test_interval_stays_in_the_range_of_the_figure(tasks):
    generator = np.random.default_rng(tasks)
    times = np.exp(generator.normal(0, 4, size=(200, tasks)))
    rates = (generator.random((200, tasks)) < 0.9).astype(float)
    for values, within in ((times, (0.0, math.inf)), (rates, (0.0, 1.0)), (-times, (-math.inf, 0.0))):
        for row, found in zip(values, TaskBootstrap(tasks).means(values, within), strict=True):
            assert within[0] <= found.low <= found.value * (1 + 1e-9 * np.sign(found.value)) + 1e-300
            assert found.value - 1e-12 * abs(found.value) <= found.high <= within[1]
            assert found.value == pytest.approx(row.mean())


@pytest.mark.parametrize("tasks", [BOOTSTRAP_FROM, 10, 25, 1500])
def test_a_figure_that_gets_worse_moves_both_ends_the_same_way(tasks):
    generator = np.random.default_rng(tasks)
    bootstrap = TaskBootstrap(tasks)
    values = generator.normal(size=(60, tasks))
    lower = values - np.where(generator.random(values.shape) < 0.2, np.exp(generator.normal(0, 4, values.shape)), 0)
    for before, after in zip(bootstrap.means(values), bootstrap.means(lower), strict=True):
        slack = 1e-6 * (1 + abs(after.value) + after.sem)  # single precision
        assert after.low <= before.low + slack and after.high <= before.high + slack


@pytest.mark.parametrize("tasks", [3, 20])
def test_figures_as_large_as_numbers_go_have_a_mean_and_an_interval(tasks):
    values = np.random.default_rng(0).uniform(-1.7, 1.7, size=(5, tasks))
    small, large = (TaskBootstrap(tasks).means(values * size) for size in (1, 2.0**1023))
    for one, other in zip(small, large, strict=True):
        assert other == one.times(2.0**1023) and math.isfinite(other.value)


def test_a_range_that_the_figures_leave_does_not_exclude_them():
    (found,) = TaskBootstrap(3).means(np.array([[-3.0, -1.0, -2.0]]), (0.0, 1.0))
    assert found.low == found.value == -2


@pytest.mark.parametrize(("n", "mean", "sd"), [(20, 0.1, 0.5), (10, 1.0, 1.5), (50, -0.02, 1.0), (5, 3.0, 2.0)])
def test_seeds_to_separate_have_the_power_by_the_noncentral_t(n, mean, sd):
    def power(seeds):
        effect, edge = abs(mean) / sd * math.sqrt(seeds), stats.t.ppf(0.975, seeds - 1)
        return stats.nct.sf(edge, seeds - 1, effect)

    found = seeds_to_separate(Estimate(mean, sd / math.sqrt(n), math.nan, math.nan, n))
    assert power(found) == pytest.approx(POWER, abs=0.05 if found < 10 else 0.02)


def test_no_number_of_seeds_separates_what_does_not_differ():
    assert seeds_to_separate(Estimate(0.0, 1.0, -1.0, 1.0, 20)) is None
    assert seeds_to_separate(Estimate(1e-9, 1.0, -1.0, 1.0, 20)) is None
    assert seeds_to_separate(Estimate(1.0, math.nan, math.nan, math.nan, 1)) is None


@pytest.mark.parametrize(
    ("seeds", "said"), [(7, "about 7"), (140, "about 140"), (141, "about 150"), (12345, "about 13,000")]
)
def test_seeds_are_told_with_two_digits(seeds, said):
    assert about(seeds) == said
