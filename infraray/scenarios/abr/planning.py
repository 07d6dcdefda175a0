"""The most valuable plans that meet deadlines on a link, by dynamic programming over value.

A plan's position is the Mbit that the link has carried; a lower one is never worse. So it is enough to know the lowest
position for each quality of the last chunk and each value so far. Value
is counted in whole levels above "always the lowest quality". The steps between bitrates are usually multiples of one
step, which makes levels exact; otherwise gains are rounded up and losses down, so the value found is never below the
true one. Positions are whole numbers of a very
small unit, rounded in the plan's favour.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from infraray.scenarios.abr.parameters import AdaptiveBitrateParameters

MOST_LEVELS = 200
"""Levels from the lowest to the highest quality above which they are rounded to `ROUNDED_LEVELS`."""

ROUNDED_LEVELS = 100
MOST_LOSSES = 2000
"""Levels above which all quality changes together are assumed to cost less than they do."""

STEPS = 2**29
"""Units into which the longest distance on the link is divided; twice that plus a flag bit still fits 32 bits."""

UNREACHED = 2**30
Numbers = NDArray[np.float64]
Positions = NDArray[np.int32]


class Qualities(NamedTuple):
    """The value of qualities and the cost of changes.

    Args:
        lowest: QoE of a chunk at the lowest quality.
        unit: QoE of one level.
        gains: levels of each quality above the lowest.
        losses: levels that a change from each quality to the next one (or back) costs.
    """

    lowest: float
    unit: float
    gains: tuple[int, ...]
    losses: tuple[int, ...]

    @classmethod
    def of(cls, parameters: AdaptiveBitrateParameters) -> Qualities:
        """The levels that fit the scenario's bitrates and weights."""
        steps = np.diff(parameters.bitrates_kbps)
        span = float(steps.sum())
        whole = bool(np.all(steps == np.round(steps)))
        step = float(math.gcd(*(int(value) for value in steps))) if whole else 0.0
        if not step or span / step > MOST_LEVELS:
            step = span / ROUNDED_LEVELS
        ratio = parameters.switch_weight / parameters.quality_weight
        # Values within rounding error of a whole level count as whole; the bound adds more than that at the end.
        gains = [math.ceil(value / step - 1e-10) for value in np.concatenate([[0.0], np.cumsum(steps)])]
        most = MOST_LOSSES // len(steps)
        losses = [math.floor(min(ratio * value / step + 1e-10, most)) for value in steps]
        lowest = parameters.quality_weight * parameters.bitrates_mbps[0]
        return cls(lowest, parameters.quality_weight * step / 1000, tuple(gains), tuple(losses))


def most_valuable_plans(
    qualities: Qualities, sizes: Numbers, earliest: Numbers, deadlines: Numbers, initial_quality: int | None
) -> Numbers:
    """The most value (QoE without stalls, summed) of a plan for each of several links.

    Args:
        qualities: the value of qualities and the cost of changes.
        sizes: Mbit of each chunk at each quality, shape ``(chunks, qualities)``.
        earliest: positions before which no chunk starts, shape ``(links, chunks)``, 0 for the first one.
        deadlines: positions at which each chunk must have ended, shape ``(links, chunks)``.
        initial_quality: quality before the first chunk; None if it may be any.

    Returns:
        Values of shape ``(links,)``, minus infinity where no plan meets the deadlines.
    """
    chunks, links = len(sizes), len(earliest)
    unit = max(float(deadlines.max()), float(earliest.max()), 1e-6) / STEPS
    whole_sizes = np.minimum(np.floor(sizes / unit), UNREACHED - 1).astype(np.int32)
    whole_earliest = np.floor(earliest / unit).clip(0, None).astype(np.int32).T[:, :, None]
    whole_deadlines = np.ceil(deadlines / unit + 1).clip(-1, None).astype(np.int32).T[:, :, None]
    # Qualities, links, levels, of which the first stands for lowest_level.
    room = 2 * sum(qualities.losses)
    lowest_level = -room
    positions: Positions = np.full((len(qualities.gains), links, room + 1), UNREACHED, np.int32)
    positions[slice(None) if initial_quality is None else initial_quality, :, -1] = 0
    for chunk in range(chunks):
        _change_quality(positions, qualities.losses)
        first, end = _useful_levels(positions, room // 2)
        if first == end:
            return np.full(links, -np.inf)
        positions = _download(positions[:, :, first:end], whole_sizes[chunk], qualities.gains, room)
        lowest_level += first - room
        _keep_times(positions, whole_deadlines[chunk], whole_earliest[min(chunk + 1, chunks - 1)])
    reached = np.less(positions.min(axis=0), UNREACHED)
    values = chunks * qualities.lowest + qualities.unit * (lowest_level + _last_true(reached))
    return np.where(np.any(reached, axis=1), values, -np.inf)


def _change_quality(positions: Positions, losses: tuple[int, ...]) -> None:
    """Lets every plan move to every quality at the cost of the change.

    Works on all links as one contiguous piece of memory. A plan that fell below the lowest level of one link would
    appear at the highest of the link before. The space below the reached levels prevents that: only plans that were
    pointlessly changed up and down fall that far, and even those stay within it.
    """
    flat = positions.reshape(len(positions), -1)
    last = len(losses)
    steps = [(quality, quality + 1) for quality in range(last)]
    for source, target in steps + [(high, low) for low, high in reversed(steps)]:
        loss = losses[min(source, target)]
        falling = flat[target, : flat.shape[1] - loss]
        np.minimum(falling, flat[source, loss:], out=falling)


def _useful_levels(positions: Positions, deepest: int) -> tuple[int, int]:
    """The first useful level after qualities were changed, and the one after the last; equal where none is reached.

    The best plan at a link's lowest position has also been changed to every other quality, at a cost of at most
    ``deepest`` levels, and no plan has a lower position, so plans below that are dominated.
    """
    lowest = positions.min(axis=0)
    end = int(_last_true(np.less(lowest.min(axis=0), UNREACHED)[None])[0]) + 1
    nearest = lowest.min(axis=1, keepdims=True)
    best = np.where(nearest[:, 0] < UNREACHED, _last_true(lowest == nearest), end)
    return max(0, int(best.min()) - deepest), end if nearest.min() < UNREACHED else 0


def _download(positions: Positions, sizes: NDArray[np.int32], gains: tuple[int, ...], room: int) -> Positions:
    """Advances every plan by its quality's size and gain; leaves space below for the next change's losses."""
    _, links, levels = positions.shape
    moved = np.empty((len(gains), links, room + levels + gains[-1]), np.int32)
    for quality, gain in enumerate(gains):
        first = room + gain
        moved[quality, :, :first] = UNREACHED
        np.add(positions[quality], sizes[quality], out=moved[quality, :, first : first + levels])
        moved[quality, :, first + levels :] = UNREACHED
    return moved


def _keep_times(positions: Positions, deadline: Positions, earliest: Positions) -> None:
    """Marks positions beyond the deadline as unreached and lifts the others to the next chunk's earliest start.

    It avoids masks, clipping and comparison with one number per link, all of which cost several times as much here:
    the sign bit of a negative difference is spread over its word to select the bit that marks unreached positions, and
    every link's numbers are repeated for its levels.
    """
    shape = positions.shape[1:]
    late = np.broadcast_to(deadline, shape).copy() - positions
    late >>= 31
    late &= UNREACHED
    np.maximum(positions, np.broadcast_to(earliest, shape).copy(), out=positions)
    np.minimum(positions, np.full(shape, UNREACHED, np.int32), out=positions)
    np.maximum(positions, late, out=positions)


def _last_true(rows: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The last true column of each row, or the last column if none is true."""
    found: NDArray[np.int64] = rows.shape[1] - 1 - rows[:, ::-1].argmax(axis=1)
    return found
