"""Finds the region in which an agent fails most, in tasks that it has played.

Subgroup discovery by beam search (Herrera et al., An overview on subgroup discovery, 2011): conjunctions of up to
`MOST_CONDITIONS` conditions are compared by the lower end of an interval of their mean loss (Wilson's, which for a loss
between 0 and 1 of any distribution is on the safe side). It is highest where nearly all tasks are failed *and* there
are many of them: a part of a region has too few, and what surrounds it too many that are solved. The luck of the draw
still adds conditions that mean nothing, so each must be borne out: the tasks that it alone leaves out are failed
clearly less often than those of the region (one's upper end is below the other's lower end), or it is dropped. What is
left is the smallest region that the failures support, in the fewest words.

What is found has been chosen because it looked bad, so that its own figures flatter it. They only say what is worth
playing again: `infraray.curriculum.probing` does that on fresh tasks.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from infraray.curriculum.regions import Among, Between, Condition, Features, Region
from infraray.space.values import Value, find_value, is_number

Booleans = NDArray[np.bool_]
Floats = NDArray[np.float64]

MOST_CONDITIONS = 3
MOST_REGIONS = 3
BEAM = 12
LEAST_TASKS = 8
"""A region of fewer played tasks says nothing."""

Z = 3.0
"""Standard errors below the mean: some hundred regions are compared, and the luckiest must not win."""

Z_APART = 2.0
"""Standard errors of each mean, in which the tasks inside and those left out by a condition must be apart."""

MOST_VALUES = 3
"""Values without an order that one condition names; a longer list is no kind of task that a person would recognize."""

MOST_THRESHOLDS = 24
"""Limits that are tried for one number."""


@dataclass(frozen=True)
class Played:
    """A task with what became of it.

    Args:
        features: what it tells about itself.
        loss: 0 if it was solved, 1 if it was failed, or what is in between.
    """

    features: Features
    loss: float


def find_regions(played: Sequence[Played], overall: float, most: int = MOST_REGIONS) -> list[Region]:
    """The regions whose loss stands out, the worst first; each is sought among the tasks outside of those before.

    Args:
        played: the tasks.
        overall: the mean loss over all tasks of the scenario, from which regions must stand out.
        most: the number of regions.
    """
    found: list[Region] = []
    left = list(played)
    while len(found) < most and (region := _worst(left, overall)) is not None:
        found.append(region)
        left = [one for one in left if not region.holds(one.features)]
    return found


@dataclass(frozen=True)
class _Candidate:
    conditions: tuple[Condition, ...]
    members: Booleans
    score: float


def _worst(played: Sequence[Played], overall: float) -> Region | None:
    """The region with the highest lower end of its mean loss; None if none is above the overall one."""
    if len(played) < LEAST_TASKS:
        return None
    losses = np.array([one.loss for one in played])
    choices = list(_conditions(played, losses))
    masks = np.array([[condition.holds(one.features) for one in played] for condition in choices], np.bool_)
    beam = [_Candidate((), np.ones(len(played), np.bool_), -math.inf)]
    best: _Candidate | None = None
    for _ in range(MOST_CONDITIONS if choices else 0):
        grown: dict[bytes, _Candidate] = {}
        for candidate in beam:
            members = masks & candidate.members
            scores = _lower_ends(members, losses)
            for place in np.argsort(-scores, kind="stable")[: 2 * BEAM]:
                joined = _joined(candidate.conditions, choices[place])
                if joined is not None and np.isfinite(scores[place]):
                    key = members[place].tobytes()
                    grown.setdefault(key, _Candidate(joined, members[place], float(scores[place])))
        beam = sorted(grown.values(), key=lambda one: -one.score)[:BEAM]
        if beam and (best is None or beam[0].score > best.score):
            best = beam[0]
    if best is None or best.score <= overall:
        return None
    return _borne_out(Region(best.conditions), played, losses)


def _borne_out(region: Region, played: Sequence[Played], losses: Floats) -> Region | None:
    """The region without the conditions, and the limits, that the tasks left out by them alone do not bear out."""
    while region.conditions:
        inside = _members(region, played)
        lowest = _wilson(inside[None, :], losses, -Z_APART)[0]
        for wider in _wider(region):
            left_out = _members(wider, played) & ~inside
            if not left_out.any() or _wilson(left_out[None, :], losses, Z_APART)[0] >= lowest:
                region = wider
                break
        else:
            return region
    return None


def _members(region: Region, played: Sequence[Played]) -> Booleans:
    return np.array([region.holds(one.features) for one in played], np.bool_)


def _wider(region: Region) -> Iterator[Region]:
    """The region with one condition less, or one limit."""
    for place, one in enumerate(region.conditions):
        before, after = region.conditions[:place], region.conditions[place + 1 :]
        if isinstance(one, Between) and one.low is not None and one.high is not None:
            yield Region((*before, Between(one.feature, low=one.low), *after))
            yield Region((*before, Between(one.feature, high=one.high), *after))
        else:
            yield Region((*before, *after))


def _lower_ends(members: Booleans, losses: Floats) -> Floats:
    """The lower end of the mean loss of each row's members; minus infinity for too few."""
    ends = _wilson(members, losses, -Z)
    ends[members.sum(axis=1) < LEAST_TASKS] = -math.inf
    return ends


def _wilson(members: Booleans, losses: Floats, z: float) -> Floats:
    """Wilson's end of the mean loss of each row's members, ``z`` standard errors above the mean, or below."""
    n = members.sum(axis=1).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = members @ losses / n
        spread = z * np.sqrt(mean * (1 - mean) / n + z**2 / (4 * n**2))
        ends: Floats = (mean + z**2 / (2 * n) + spread) / (1 + z**2 / n)
    return ends


def _joined(conditions: tuple[Condition, ...], more: Condition) -> tuple[Condition, ...] | None:
    """The conditions with a further one; a lower and an upper limit become one. None where it says nothing new."""
    for place, one in enumerate(conditions):
        if one.feature != more.feature:
            continue
        if isinstance(one, Between) and isinstance(more, Between):
            if one.low is None and more.high is None:
                return (*conditions[:place], Between(one.feature, more.low, one.high), *conditions[place + 1 :])
            if one.high is None and more.low is None:
                return (*conditions[:place], Between(one.feature, one.low, more.high), *conditions[place + 1 :])
        return None
    return (*conditions, more)


def _conditions(played: Sequence[Played], losses: Floats) -> Iterator[Condition]:
    """Every condition worth trying, in the order of the features."""
    for feature in dict.fromkeys(name for one in played for name in one.features):
        there = [place for place, one in enumerate(played) if feature in one.features]
        values = [played[place].features[feature] for place in there]
        if all(map(is_number, values)):
            yield from _limits(feature, [value for value in values if isinstance(value, int | float)])
        else:
            yield from _choices(feature, values, losses[there])


def _limits(feature: str, numbers: Sequence[float]) -> Iterator[Condition]:
    """Lower and upper limits at values that occur."""
    distinct = sorted(set(numbers))
    if len(distinct) > MOST_THRESHOLDS:
        ordered = sorted(numbers)
        places = np.linspace(0, len(ordered) - 1, MOST_THRESHOLDS).round().astype(int)
        distinct = sorted({ordered[place] for place in places})
    for value in distinct[1:]:
        yield Between(feature, low=value)
    for value in distinct[:-1]:
        yield Between(feature, high=value)


def _choices(feature: str, values: Sequence[Value], losses: Floats) -> Iterator[Condition]:
    """Each value, and the worst two and three together: of all sets of so many values, they have the highest loss."""
    distinct: list[Value] = []
    by_value: list[list[float]] = []
    for value, loss in zip(values, losses.tolist(), strict=True):
        place = find_value(value, distinct)
        if place is None:
            distinct.append(value)
            by_value.append([loss])
        else:
            by_value[place].append(loss)
    if len(distinct) < 2:
        return
    for value in distinct:
        yield Among(feature, (value,))
    worst = sorted(range(len(distinct)), key=lambda place: -sum(by_value[place]) / len(by_value[place]))
    for count in range(2, min(len(distinct), MOST_VALUES + 1)):
        yield Among(feature, tuple(distinct[place] for place in sorted(worst[:count])))
