"""Means over tasks with their standard errors and 95 % intervals.

The task is the unit: repetitions of a task are averaged first, since they carry no information about other tasks. A
mean is the case ``denominator = 1`` of a ratio of means

    r = sum(x) / sum(y),   residuals e = x - r y,   SEM = sd(e, ddof=1) / (mean(y) sqrt(n)),

over the n tasks where both are known; for ``y = 1`` this is the usual SEM. The 95 % interval is

- for at least `BOOTSTRAP_FROM` tasks: a bootstrap over tasks (over `BOOTSTRAP_GROUPS` groups of tasks if there are
  more), with percentiles expanded to match the width of the t interval for normal data (the plain percentile interval
  is too short for few tasks). The lower level is
  Phi(-sqrt(n/(n-1)) t(0.975, n-1));
- for fewer: r +- t(0.975, n-1) SEM.

A percentile is the mean of a resample, so the bootstrap stays within the range of the data: no negative times, no
rates above 1. It also never rewards a bad result: when a single figure gets worse, both ends do, whereas one disaster
widens Student's interval on both sides. Student's interval is clipped to the figure's range if one is declared; that
costs no coverage, since the true mean lies inside.

Sources: Cochran, Sampling Techniques, 3rd ed. 1977, section 6.4 (ratio estimate); Hesterberg, What
Teachers Should Know About the Bootstrap, The American Statistician 69 (4), 2015, section 3.3
(expanded percentile interval).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from infraray.statistics.magnitude import scale_of
from infraray.statistics.student_t import t_quantile

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

BOOTSTRAP_FROM = 7
"""With fewer tasks, even the smallest and largest resamples lie too close together."""
BOOTSTRAP_GROUPS = 1000
"""Above this number, groups of tasks are drawn: the percentiles stay the same and time and memory are bounded."""
EVERYTHING = -math.inf, math.inf
"""The range of a figure without known limits."""
RESAMPLES = 5000
BOOTSTRAP_SEED = 20_150_815
"""A fixed seed, so that the same run always gives the same report."""
_ROWS_AT_ONCE = 512
_CELLS_AT_ONCE = 250_000


@dataclass(frozen=True)
class Estimate:
    """A figure with its uncertainty, in the figure's unit; NaN means "unknown".

    Args:
        value: the estimate; NaN without data.
        sem: its standard error; NaN for fewer than two tasks.
        low: lower end of the 95 % interval.
        high: upper end.
        n: the number of tasks behind it.
    """

    value: float
    sem: float
    low: float
    high: float
    n: int

    def __neg__(self) -> Estimate:
        return Estimate(-self.value, self.sem, -self.high, -self.low, self.n)

    def times(self, factor: float) -> Estimate:
        """The same estimate in another unit; ``factor`` is positive."""
        return Estimate(self.value * factor, self.sem * factor, self.low * factor, self.high * factor, self.n)


@dataclass(frozen=True)
class TaskBootstrap:
    """Resamples of a scenario's tasks, shared by all its estimates.

    Args:
        tasks: the number of tasks.
    """

    tasks: int

    @property
    def groups(self) -> int:
        """The number of groups of tasks drawn from; each task is its own group unless there are too many."""
        return min(self.tasks, BOOTSTRAP_GROUPS)

    @cached_property
    def counts(self) -> NDArray[np.float32]:
        """How often each group is drawn in each resample, shape (RESAMPLES, groups)."""
        generator = np.random.default_rng(BOOTSTRAP_SEED)
        counts = np.empty((RESAMPLES, self.groups), dtype=np.float32)
        for rows in np.array_split(np.arange(RESAMPLES), 20):
            drawn = generator.integers(self.groups, size=(len(rows), self.groups))
            drawn += np.arange(len(rows))[:, None] * self.groups
            counts[rows] = np.bincount(drawn.ravel(), minlength=drawn.size).reshape(drawn.shape)
        return counts

    def means(self, values: Floats, within: tuple[float, float] = EVERYTHING) -> list[Estimate]:
        """Means over tasks, one estimate per row.

        Args:
            values: shape (rows, tasks), NaN where a row has no value for a task.
            within: the lowest and highest possible value.
        """
        estimates: list[Estimate] = []
        for rows in self._blocks(len(values)):
            estimates += self._ratios(values[rows], np.ones_like(values[rows]), within)
        return estimates

    def ratios(
        self, numerators: Floats, denominators: Floats, within: tuple[float, float] = EVERYTHING
    ) -> list[Estimate]:
        """Ratios of means over tasks, one estimate per row.

        Args:
            numerators: shape (rows, tasks), NaN where unknown.
            denominators: the same shape; a row whose sum is 0 has no ratio.
            within: the lowest and highest possible ratio.
        """
        estimates: list[Estimate] = []
        for rows in self._blocks(len(numerators)):
            estimates += self._ratios(numerators[rows], denominators[rows], within)
        return estimates

    def _blocks(self, rows: int) -> Iterator[slice]:
        """Rows processed at once, which bounds memory for any number of tasks."""
        at_once = min(_ROWS_AT_ONCE, max(1, _CELLS_AT_ONCE // max(self.tasks, 1)))
        return (slice(start, start + at_once) for start in range(0, rows, at_once))

    def _ratios(self, numerators: Floats, denominators: Floats, within: tuple[float, float]) -> list[Estimate]:
        known = np.isfinite(numerators) & np.isfinite(denominators)
        n = known.sum(axis=1)
        x, y = np.where(known, numerators, 0.0), np.where(known, denominators, 0.0)
        x_scale, y_scale = scale_of(x, axis=1), scale_of(y, axis=1)
        x /= x_scale
        y /= y_scale
        # A row without values, or whose denominators add up to 0, has no ratio.
        with np.errstate(invalid="ignore", divide="ignore"):
            y_sum = y.sum(axis=1)
            value = x.sum(axis=1) / y_sum
            value[y_sum == 0] = np.nan
            residuals = x
            residuals -= value[:, None] * y
            residuals[~known] = 0.0
            centre = residuals.sum(axis=1) / n  # 0 but for rounding
            squares = residuals - centre[:, None]
            squares[~known] = 0.0
            squares *= squares
            variance = squares.sum(axis=1) / np.maximum(n - 1, 1)
            sem = np.sqrt(variance / n) / np.abs(y_sum / n)
        sem[n < 2] = np.nan
        t = np.array([t_quantile(0.975, int(count) - 1) if count > 1 else np.nan for count in n])
        low, high = value - t * sem, value + t * sem
        many = (n >= BOOTSTRAP_FROM) & (sem > 0)
        if many.any():
            errors = self._resampled_errors(residuals[many], y[many])
            low[many], high[many] = value[many] + _expanded_percentiles(errors, n[many], t[many])
        columns = [value, sem, low, high]
        # In the figure's own unit it may overflow, and is then infinite.
        with np.errstate(over="ignore", under="ignore"):
            value, sem, low, high = (column * (x_scale / y_scale)[:, 0] for column in columns)
        low, high = np.fmax(low, np.fmin(value, within[0])), np.fmin(high, np.fmax(value, within[1]))
        unknown = np.isnan(sem) | np.isnan(value)
        low[unknown], high[unknown] = np.nan, np.nan
        rows = zip(*(column.tolist() for column in (value, sem, low, high, n)), strict=True)
        return [Estimate(*row) for row in rows]

    def _resampled_errors(self, residuals: Floats, y: Floats) -> Floats:
        """Ratio in each resample minus the ratio in the data, shape (RESAMPLES, rows)."""
        drawn = self._drawn(residuals)
        if np.all(y == 1) and self.tasks == self.groups:
            drawn /= self.tasks
            return drawn
        y_drawn = self._drawn(y)
        errors: Floats = np.divide(drawn, y_drawn, out=np.zeros_like(drawn), where=y_drawn != 0)
        return errors

    def _drawn(self, values: Floats) -> Floats:
        """The sum over the tasks of each resample, shape (RESAMPLES, rows)."""
        if self.tasks > self.groups:
            padded = np.pad(values, ((0, 0), (0, -self.tasks % self.groups)))
            values = padded.reshape(len(values), -1, self.groups).sum(axis=1)
        scale = np.abs(values).max(axis=1)  # single precision keeps seven digits of the scaled values
        scale[scale == 0] = 1.0
        drawn: Floats = (self.counts @ (values / scale[:, None]).astype(np.float32).T).astype(np.float64) * scale
        return drawn


def _expanded_percentiles(errors: Floats, n: Integers, t: Floats) -> Floats:
    """Both percentiles of each column, interpolated linearly, shape (2, columns)."""
    normal = NormalDist()
    tail = np.array([normal.cdf(-math.sqrt(count / (count - 1)) * q) for count, q in zip(n, t, strict=True)])
    position = np.array([tail, 1 - tail]) * (len(errors) - 1)
    below = np.floor(position).astype(np.int64)
    weight = position - below
    columns = np.arange(errors.shape[1])
    above = np.minimum(below + 1, len(errors) - 1)
    errors = np.partition(errors, np.unique([below, above]), axis=0)
    ends: Floats = errors[below, columns] * (1 - weight) + errors[above, columns] * weight
    return ends
