"""What a fault is: how it is put in, and how an expert takes it out."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Protocol

from infraray.scenarios.routing.site import Site


@dataclass(frozen=True)
class Fault:
    """One misconfiguration of one router.

    Args:
        family: one of the five.
        variant: the way in which it is done, of those of its family.
        machine: the router.
        place: what else decides the symptom, such as the interface; numbers that do not, such as a
            metric, are left out. Faults of the same family, variant, machine and place are alike.
        inject: the commands that put it in.
        repair: the commands that take it out and leave the router as it was.
    """

    family: str
    variant: str
    machine: str
    place: tuple[str, ...]
    inject: tuple[str, ...]
    repair: tuple[str, ...]

    @property
    def kind(self) -> tuple[str, ...]:
        """Equal for faults that are alike."""
        return (self.family, self.variant, self.machine, *self.place)


class Draw(Protocol):
    """Draws a fault of one family, which need not bite; `validation.examine` tells."""

    def __call__(self, site: Site, random: Random, features: frozenset[str]) -> Fault:
        """Every detail comes from ``random``; ``features`` are those of `infraray.emulators.features`."""
