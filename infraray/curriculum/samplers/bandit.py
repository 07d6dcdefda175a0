"""A bandit for each feature, whose arms are its values.

Thompson sampling (Thompson, 1933; Chapelle and Li, 2011): an arm's failure rate is drawn from its posterior, and the
arm with the highest draw is pulled. The bandits do not know of each other, and yet find conjunctions: as soon as
one of them prefers the right value, the failures of the others' right values stand out among what is drawn.

Of four tasks, one is drawn uniformly, so that nothing is forgotten, and once a region stands out, one is drawn outside
of it, by bandits that know only what was played there: otherwise the agent's worst weakness would hide the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from infraray.curriculum.finding import Played, find_regions
from infraray.curriculum.regions import Features, Region
from infraray.curriculum.samplers.sampler import Sampler
from infraray.curriculum.tasks import SEEDS, DrawnTask, TaskSpace
from infraray.space.hyperparameters import Hyperparameter
from infraray.space.values import Value, written

MOST_ARMS = 12
"""A knob of more values, or of continuous ones, has an arm for each of `BINS` parts of its range."""

BINS = 8

SEEDS_TRIED = 12
"""Seeds of which the one whose traits promise most is taken."""

OUTSIDE_TRIED = 8
"""Draws for a task outside of a region."""


class Bandit(Sampler):
    """Draws where failures were seen; works for knobs and traits alike."""

    def propose(
        self, tasks: TaskSpace, played: Sequence[Played], overall: float, random: Random, count: int
    ) -> list[DrawnTask]:
        """A quarter uniformly, a quarter outside of the worst region so far, the rest by all that was played."""
        known = find_regions(played, overall, most=1)
        everywhere = _Bandits(tasks, played)
        outside = _Bandits(tasks, [one for one in played if not known[0].holds(one.features)]) if known else everywhere
        drawn = []
        for number in range(count):
            if number % 4 == 0:
                task = tasks.draw(random)
                assert task is not None
            elif number % 4 == 1 and known:
                task = outside.draw_outside(known[0], random)
            else:
                task = everywhere.draw(random)
            drawn.append(task)
        return drawn


class _Bandits:
    """Failures and successes by feature and arm."""

    def __init__(self, tasks: TaskSpace, played: Sequence[Played]) -> None:
        self.tasks = tasks
        self.knobs = {knob.name: knob for knob in tasks.knobs}
        self.arms: dict[str, dict[str, list[float]]] = {
            knob.name: {str(arm): [0.5, 0.5] for arm in range(_arms(knob))} for knob in tasks.knobs
        }
        for one in played:
            for feature, value in one.features.items():
                found = self.arms.setdefault(feature, {}).setdefault(self._arm(feature, value), [0.5, 0.5])
                found[0] += one.loss
                found[1] += 1 - one.loss

    def draw(self, random: Random) -> DrawnTask:
        """A task of the arms that are pulled."""
        rates = {
            feature: {arm: random.betavariate(*counts) for arm, counts in arms.items()}
            for feature, arms in self.arms.items()
        }

        def position(knob: Hyperparameter) -> float:
            of_knob = rates[knob.name]
            return (int(max(of_knob, key=of_knob.__getitem__)) + random.random()) / len(of_knob)

        setting = self.tasks.setting(random, position)
        tried = [self.tasks.task(setting, random.choice(SEEDS)) for _ in range(SEEDS_TRIED)]
        return max(tried, key=lambda task: self._promise(task.traits, rates))

    def draw_outside(self, region: Region, random: Random) -> DrawnTask:
        """The same outside of a region, if that is found soon."""
        for _ in range(OUTSIDE_TRIED):
            task = self.draw(random)
            if not region.holds(task.features):
                break
        return task

    def _promise(self, traits: Features, rates: dict[str, dict[str, float]]) -> float:
        return sum(rates.get(name, {}).get(self._arm(name, value), 0.5) for name, value in traits.items())

    def _arm(self, feature: str, value: Value) -> str:
        """The arm of a value: for a knob the number of its part of the range, else the value itself."""
        knob = self.knobs.get(feature)
        if knob is None:
            return written(value)
        return str(min(int(knob.position(value) * _arms(knob)), _arms(knob) - 1))


def _arms(knob: Hyperparameter) -> int:
    return knob.size if knob.size is not None and knob.size <= MOST_ARMS else BINS
