"""What every sampler is: it proposes tasks on which an agent may fail, given those that it has played."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from random import Random

from infraray.curriculum.finding import Played
from infraray.curriculum.tasks import DrawnTask, TaskSpace


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
