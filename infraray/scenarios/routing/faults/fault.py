"""Faults: how they are injected, and how an expert repairs them."""

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
        variant: its variant within the family.
        machine: the router.
        place: whatever else determines the symptom, such as the interface, without irrelevant numbers such as a
            metric. Faults of the same family, variant, machine and place are alike.
        inject: the commands that inject it.
        repair: the commands that remove it and leave the router as it was.
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
    """Draws a fault of one family, which may have no effect; `validation.examine` tells."""

    def __call__(self, site: Site, random: Random, features: frozenset[str]) -> Fault:
        """Draws every detail from ``random``; ``features`` are those of `infraray.emulators.network.features`."""
