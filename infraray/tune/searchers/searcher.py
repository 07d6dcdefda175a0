"""What every searcher is: it proposes configurations and is told what became of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from infraray.space.search_space import SearchSpace
from infraray.space.values import Configuration


@dataclass(frozen=True)
class Proposal:
    """A configuration to be measured with a budget.

    Args:
        configuration: canonical.
        budget: one of the searcher's budgets.
        handle: what the searcher knows it by; None where somebody else proposed it, such as the
            defaults that a study begins with.
    """

    configuration: Configuration
    budget: int
    handle: Any = field(default=None, compare=False)


class Searcher(ABC):
    """Proposes configurations of a space, one at a time; several proposals may be open at once.

    Equal seeds and equal calls give equal proposals, in any process: a study that was killed makes
    its searcher anew and repeats the calls.

    Args:
        space: what to search.
        budgets: rising, the last one is that of a full measurement; a searcher that does not use
            cheaper ones takes the last.
        seed: of the searcher's random numbers.
    """

    multi_fidelity: ClassVar[bool] = False
    """Whether it proposes budgets other than the full one."""

    def __init__(self, space: SearchSpace, budgets: Sequence[int], seed: int) -> None:
        self.space = space
        self.budgets = tuple(budgets)
        self.seed = seed

    @abstractmethod
    def ask(self, held: Configuration | None = None) -> Proposal | None:
        """The next proposal, which is valid in the space; None where there is nothing more to propose.

        Args:
            held: the configuration that whoever is to measure the proposal measured last, and may still
                have running; of several proposals that are due, one with it goes first.
        """

    @abstractmethod
    def tell(self, proposal: Proposal, loss: float) -> None:
        """Learns that a proposal, its own or another, came to a finite loss (less is better)."""
