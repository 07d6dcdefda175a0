"""A searcher of `infraray.tune` as a sampler: it looks for the setting with the highest loss.

Knobs alone are searched; the traits of a seed come as they come. The searcher is made anew for every round and told
all that was played, so that a probe that was killed needs nothing but its episodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from infraray.curriculum.finding import Played
from infraray.curriculum.samplers.sampler import Sampler
from infraray.curriculum.tasks import SEEDS, DrawnTask, TaskSpace
from infraray.space.hyperparameters import Hyperparameter
from infraray.space.search_space import SearchSpace
from infraray.space.values import Configuration
from infraray.tune.searchers import Proposal, Searcher

FULL = 1
"""The only budget: one task."""


class Searching(Sampler):
    """Draws what a searcher proposes.

    Args:
        searcher: its class.
    """

    def __init__(self, searcher: type[Searcher]) -> None:
        self.searcher = searcher

    def problem(self, tasks: TaskSpace) -> str | None:
        """A searcher needs something to set."""
        return None if tasks.knobs else "needs a knob to search; give one, or take sampler: bandit"

    def propose(
        self, tasks: TaskSpace, played: Sequence[Played], overall: float, random: Random, count: int
    ) -> list[DrawnTask]:
        """The proposals, each on a seed of its own; random settings where the searcher has no more."""
        space = SearchSpace("knobs", 1, tasks.knobs)
        searcher = self.searcher(space, (FULL,), random.randrange(2**31))
        for one in played:
            # A knob that had no effect stands at its default.
            setting = {knob.name: one.features.get(knob.name, knob.default) for knob in tasks.knobs}
            searcher.tell(Proposal(setting, FULL), -one.loss)
        drawn = []
        for _ in range(count):
            proposal = searcher.ask()
            wanted = proposal.configuration if proposal is not None else {}

            def position(knob: Hyperparameter, wanted: Configuration = wanted) -> float:
                return knob.position(wanted[knob.name]) if knob.name in wanted else random.random()

            drawn.append(tasks.task(tasks.setting(random, position), random.choice(SEEDS)))
        return drawn
