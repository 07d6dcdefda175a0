"""What every topology must keep to: a constraint judges nodes or edges one by one, and says what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, NamedTuple

from infraray.scenarios.capacity_planning.changes import Edge
from infraray.scenarios.capacity_planning.constraints.scope import Scope, Subject
from infraray.scenarios.capacity_planning.topology import Topology


class Violation(NamedTuple):
    """A constraint that does not hold, the node or edge where it does not, and one line that names it."""

    constraint: str
    subject: str | Edge
    message: str


@dataclass(frozen=True)
class Constraint(Generic[Subject]):
    """A claim about nodes or edges.

    Args:
        scope: what it is about.
        fault: what is wrong with one of them, in one line that names it; None if nothing is.
    """

    scope: Scope[Subject]
    fault: Callable[[Topology, Subject], str | None]

    @property
    def name(self) -> str:
        """What reports call it."""
        return self.fault.__name__

    def violations(self, topology: Topology, subjects: Iterable[Subject]) -> list[Violation]:
        """A violation for each of the subjects that has a fault, sorted by subject."""
        found = ((subject, self.fault(topology, subject)) for subject in subjects)
        return sorted(Violation(self.name, subject, " ".join(fault.split())) for subject, fault in found if fault)
