"""The effect of each command on a system that is repaired, and how good the commands of an episode are together."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from infraray.solution_score import solution_score

LOOK_COST = 0.25
"""Cost of a command that changes nothing, relative to 1 for one that changes something."""


@dataclass(frozen=True)
class Deed:
    """The effect of one command.

    Args:
        failed: whether it exited with an error or was ended.
        changed: whether the system changed.
        gained: pairs that became right.
        lost: pairs that were right before it.
        harmed: what else was right and is no longer.
        cost: cost of the command, in commands that change something.
        nearer: whether it brought the configuration closer to the intact one, even if another fault hides that.
    """

    failed: bool
    changed: bool
    gained: int
    lost: int
    harmed: int = 0
    cost: float = 1.0
    nearer: bool = False

    @property
    def helped(self) -> bool:
        """Whether it changed something for the better."""
        return self.gained > 0 or self.nearer

    @property
    def unsafe(self) -> bool:
        """Whether it broke what worked."""
        return self.lost > 0 or self.harmed > 0

    @property
    def kind(self) -> str:
        """One word: ``unsafe``, ``fix``, ``needless`` (a change that helps nothing), ``failed`` or ``look``."""
        if self.unsafe:
            return "unsafe"
        if self.helped:
            return "fix"
        if self.changed:
            return "needless"
        return "failed" if self.failed else "look"


@dataclass
class Conduct(ABC):
    """All commands of an episode together.

    Args:
        broken_at_start: pairs that were not right at the start.
        broken: pairs that are not right now.
        max_commands: the maximum number of commands.
        repair_cost: the number of changes in the expert's repair.
    """

    broken_at_start: int
    broken: int
    max_commands: int
    repair_cost: float = 1.0
    commands: int = 0
    failed: int = 0
    changes: int = 0
    needless: int = 0
    unsafe: int = 0
    lost: int = 0
    harmed: int = 0
    spent: float = 0.0
    looks: int = 0

    def count(self, deed: Deed, broken: int, harmed: int) -> None:
        """Counts a command that leaves so many pairs broken, and so much harmed."""
        self.broken = broken
        self.harmed = harmed
        self.commands += 1
        self.failed += deed.failed
        self.changes += deed.changed
        self.needless += deed.changed and not deed.helped
        self.unsafe += deed.unsafe
        self.lost += deed.lost
        self.spent += deed.cost
        self.looks += deed.kind == "look"

    @property
    def whole(self) -> bool:
        """Whether everything is right again and nothing was harmed."""
        return self.broken == 0 and self.harmed == 0

    @property
    @abstractmethod
    def restored(self) -> float:
        """The share that is repaired, from 0 to 1."""

    @property
    def score(self) -> float:
        """The repaired share, less for what was unsafe and for commands beyond the expert's; from 0 to 1.

        Extra commands and needless changes use up the allowance.
        """
        used = min(1.0, max(0.0, self.spent - self.repair_cost + self.needless) / self.max_commands)
        return solution_score(self.restored, self.unsafe > 0, used)

    @property
    def failure(self) -> str | None:
        """The kind of failure (NetArena, table 2), None if the system was repaired safely.

        ``safety_violation``: a pair that was right (even if it came back) or something else that was right was lost.
        ``control_logic_error``: changes were made, but not everything is right.
        ``operational_error``: commands failed, but none changed anything.
        ``no_repair``: nothing was changed and nothing failed; the paper has no name for it.
        """
        if self.unsafe:
            return "safety_violation"
        if self.whole:
            return None
        if self.changes:
            return "control_logic_error"
        return "operational_error" if self.failed else "no_repair"

    def metrics(self) -> dict[str, float]:
        """The counts by name that all scenarios have."""
        return {
            "commands": float(self.commands),
            "failed_commands": float(self.failed),
            "state_changes": float(self.changes),
            "needless_changes": float(self.needless),
            "unsafe_steps": float(self.unsafe),
        }


@dataclass
class Progress:
    """The closest that an episode came to the intact system, for rewards that pay for getting closer.

    If every step closer paid, planting eight faults and taking them away one by one would earn eight fixes, and a
    repair in eight slices too.

    Args:
        broken: the fewest broken pairs.
        distance: the least distance of the configuration from the intact one.
        fixes: times that it may still come closer, as often as a repair without slices does.
    """

    broken: int
    distance: int
    fixes: int

    def improves(self, broken: int, distance: int) -> bool:
        """Whether this is closer than ever before; if so, it becomes the new record."""
        nearer = broken < self.broken or (broken <= self.broken and distance < self.distance)
        self.broken, self.distance = min(self.broken, broken), min(self.distance, distance)
        self.fixes -= nearer
        return nearer and self.fixes >= 0
