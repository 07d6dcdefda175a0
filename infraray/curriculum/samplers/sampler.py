"""What every sampler is: it proposes tasks on which an agent may fail, given those that it has played."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from random import Random

from infraray.curriculum.finding import Played
from infraray.curriculum.tasks import DrawnTask, TaskSpace
from infraray.errors import InfrarayError

BANDIT = "bandit"


class Sampler(ABC):
    """Proposes tasks in rounds. Equal arguments give equal proposals, in any process."""

    def problem(self, tasks: TaskSpace) -> str | None:
        """Why it cannot propose tasks of this space, in one line with the fix; None if it can."""
        return None

    @abstractmethod
    def propose(
        self, tasks: TaskSpace, played: Sequence[Played], overall: float, random: Random, count: int
    ) -> list[DrawnTask]:
        """Proposes the tasks of a round.

        Args:
            tasks: what may be drawn.
            played: every task of the agent so far.
            overall: its mean loss over all tasks.
            random: the round's source of randomness.
            count: the number of tasks.
        """


def make_sampler(name: str) -> Sampler:
    """The sampler that a name means: ``bandit``, or one of the searchers of `infraray.tune`.

    Raises:
        UnknownName: there is none; the nearest names are told.
        InfrarayError: a package that it needs is not installed.
    """
    from infraray.curriculum.samplers.bandit import Bandit

    if name == BANDIT:
        return Bandit()
    from infraray.curriculum.samplers.searching import Searching
    from infraray.registry import unknown_name
    from infraray.tune.searchers import find_searcher, registered_searchers

    if name not in (known := registered_searchers()):
        raise unknown_name(f"sampler {name!r}", name, [BANDIT, *known])
    try:
        return Searching(find_searcher(name))
    except InfrarayError as error:
        raise InfrarayError(f"sampler {error}") from None
