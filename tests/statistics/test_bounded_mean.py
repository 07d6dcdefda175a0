"""The interval covers the mean of whatever lies between 0 and 1."""

import numpy as np
import pytest
from scipy.stats import beta

from infraray.statistics.bounded_mean import bounded_mean

DISTRIBUTIONS = {
    "rare failures": (lambda random, n: (random.random(n) < 0.03).astype(float), 0.03),
    "even failures": (lambda random, n: (random.random(n) < 0.5).astype(float), 0.5),
    "frequent failures": (lambda random, n: (random.random(n) < 0.95).astype(float), 0.95),
    "mostly nothing lost": (lambda random, n: np.where(random.random(n) < 0.1, random.random(n), 0.0), 0.05),
    "narrow": (lambda random, n: 0.4 + 0.02 * random.random(n), 0.41),
}


@pytest.mark.parametrize("n", [5, 60])
@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_interval_covers_in_at_least_95_of_100_draws(distribution: str, n: int) -> None:
    draw, mean = DISTRIBUTIONS[distribution]
    random = np.random.default_rng([n, len(distribution)])
    estimates = [bounded_mean(draw(random, n), 0.95) for _ in range(150)]
    covered = sum(one.low <= mean <= one.high for one in estimates)
    assert covered >= 137  # P(fewer) < 0.03 where the coverage is 95 % exactly; it is higher


@pytest.mark.parametrize(("failed", "n"), [(0, 50), (50, 50), (5, 50), (40, 100)])
def test_interval_of_a_rate_is_little_wider_than_the_exact_one(failed: int, n: int) -> None:
    """Clopper and Pearson's, which knows that the figures are 0 or 1."""
    values = np.random.default_rng(0).permutation([1.0] * failed + [0.0] * (n - failed))
    found = bounded_mean(values, 0.95)
    low = beta.ppf(0.025, failed, n - failed + 1) if failed else 0.0
    high = beta.ppf(0.975, failed + 1, n - failed) if failed < n else 1.0
    assert high - low <= found.high - found.low <= 1.5 * (high - low)


def test_more_confidence_is_wider_and_more_values_are_narrower() -> None:
    values = [0.0, 1.0] * 40
    widths = [one.high - one.low for one in (bounded_mean(values, 0.9), bounded_mean(values, 0.99))]
    assert widths[0] < widths[1]
    assert bounded_mean(values * 3, 0.9).high - bounded_mean(values * 3, 0.9).low < widths[0]


def test_without_values_nothing_is_known() -> None:
    found = bounded_mean([], 0.95)
    assert (found.low, found.high, found.n) == (0.0, 1.0, 0)
    with pytest.raises(ValueError, match=r"not 1\.5"):
        bounded_mean([0.5, 1.5], 0.95)
