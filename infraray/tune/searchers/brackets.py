"""Successive halving: many configurations on a small budget, the best of them on the next one, and so on.

Hyperband (Li, Jamieson, DeSalvo, Rostamizadeh and Talwalkar, 2018) cycles through brackets that
begin at different budgets, since nobody knows how much a small one says. Every (configuration,
budget) is measured by itself: nothing is paused, and so no trial holds on to a server while others
catch up. A rung is complete when all of its members are measured; until then the next bracket
begins, as in BOHB, so that parallel trials never wait.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from infraray.space.values import Configuration

ETA = 3
"""One in so many is kept, for a budget so many times as large."""


def budget_ladder(smallest: int, largest: int) -> tuple[int, ...]:
    """Budgets that rise by the factor `ETA` to the largest, the first not below the smallest."""
    rungs = [largest]
    while rungs[0] / ETA >= smallest and round(rungs[0] / ETA) < rungs[0]:
        rungs.insert(0, max(round(rungs[0] / ETA), smallest))
    return tuple(rungs)


def bracket_sizes(rungs: int) -> Iterator[list[int]]:
    """For each bracket of a cycle, how many configurations each of its rungs holds; the deepest bracket first."""
    for deepest in reversed(range(rungs)):
        first = math.ceil(rungs / (deepest + 1) * ETA**deepest)
        yield [max(first // ETA**rung, 1) for rung in range(deepest + 1)]


@dataclass(eq=False)
class Bracket:
    """One bracket under way.

    Args:
        budgets: of its rungs.
        sizes: how many configurations each rung holds.
    """

    budgets: Sequence[int]
    sizes: Sequence[int]
    rung: int = 0
    waiting: list[Configuration] = field(default_factory=list)
    """Members of the rung that were promoted and not proposed yet."""
    proposed: int = 0
    """How many of the rung were proposed."""
    losses: list[tuple[float, int, Configuration]] = field(default_factory=list)
    """Of the rung: loss, order of arrival, configuration."""

    @property
    def budget(self) -> int:
        """Of the present rung."""
        return self.budgets[self.rung]

    @property
    def has_room(self) -> bool:
        """Whether something of the present rung is still to be proposed."""
        return self.proposed < self.sizes[self.rung]

    @property
    def wants_new(self) -> bool:
        """Whether that is a new configuration, and not one that was promoted."""
        return self.rung == 0

    def promoted(self, held: Configuration | None) -> Configuration:
        """The next configuration that came from the rung below; ``held`` where it is among them."""
        return self.waiting.pop(self.waiting.index(held) if held in self.waiting else 0)

    def add(self, configuration: Configuration, loss: float) -> None:
        """Takes a result; the last one of a rung opens the next."""
        self.losses.append((loss, len(self.losses), configuration))
        if len(self.losses) < self.sizes[self.rung] or self.rung + 1 == len(self.budgets):
            return
        self.rung += 1
        best = sorted(self.losses, key=lambda one: one[:2])[: self.sizes[self.rung]]
        self.waiting = [configuration for *_, configuration in best]
        self.losses, self.proposed = [], 0
