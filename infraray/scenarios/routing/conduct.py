"""What each command did, and what an episode comes to.

Connectivity is judged by the pings, carefulness by the configuration as well: a command that changes
something helps if a pair reaches that did not, or if the configuration comes nearer to that of the
whole network. So does the first of two repairs that only show together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Reaches = NDArray[np.bool_]
"""``[source, target]``: which machines reach which."""

Configuration = Mapping[str, Mapping[str, Any]]
"""What `Network.snapshot` gives."""

COMMAND_COST = 0.02
UNSAFE_COST = 0.5
"""Of the shaped reward, in shares of the broken pairs."""

UNSAFE_FACTOR = 0.5
LEAST_ECONOMY = 0.75
"""Of the score."""


@dataclass(frozen=True)
class Deed:
    """What one command did.

    Args:
        failed: it exited with an error or was ended.
        changed: the configuration is another one than before.
        helped: it changed something for the better.
        gained: pairs that reach since, and did not before.
        lost: pairs that reached before, and do not any more.
        ruined: nothing can be measured since.
    """

    failed: bool
    changed: bool
    helped: bool
    gained: int
    lost: int
    ruined: bool = False

    @property
    def unsafe(self) -> bool:
        """Whether it broke what worked."""
        return self.ruined or self.lost > 0

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


def judge(
    failed: bool,
    reached: tuple[Reaches, Reaches],
    configured: tuple[Configuration, Configuration],
    healthy: Configuration,
) -> Deed:
    """Compares the pings and the configuration before and after a command with each other."""
    before, after = reached
    gained, lost = int((after & ~before).sum()), int((before & ~after).sum())
    changed = configured[0] != configured[1]
    helped = gained > 0 or (changed and distance(configured[1], healthy) < distance(configured[0], healthy))
    return Deed(failed, changed, helped, gained, lost)


def ruin(reached: Reaches) -> Deed:
    """A command after which the network cannot be measured any more: all pairs that reached before are lost."""
    lost = int(reached.sum()) - len(reached)
    return Deed(failed=True, changed=True, helped=False, gained=0, lost=lost, ruined=True)


def distance(one: Configuration, other: Configuration) -> int:
    """In how many entries two configurations differ."""
    return len(set(_entries(one)) ^ set(_entries(other)))


def _entries(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(value, Mapping):
        for name, part in value.items():
            yield from _entries(part, (*path, str(name)))
    elif isinstance(value, list | tuple | set | frozenset):
        for part in value:
            yield (*path, repr(part))
    else:
        yield (*path, repr(value))


@dataclass
class Conduct:
    """All commands of an episode together.

    Args:
        broken_at_start: pairs that did not reach.
        broken: pairs that do not reach now.
        max_commands: how many there may be.
    """

    broken_at_start: int
    broken: int
    max_commands: int
    commands: int = 0
    failed: int = 0
    changes: int = 0
    needless: int = 0
    unsafe: int = 0
    lost: int = 0

    def add(self, deed: Deed, broken: int) -> None:
        """Counts a command, after which ``broken`` pairs do not reach."""
        self.broken = broken
        self.commands += 1
        self.failed += deed.failed
        self.changes += deed.changed
        self.needless += deed.changed and not deed.helped
        self.unsafe += deed.unsafe
        self.lost += deed.lost

    @property
    def score(self) -> float:
        """Restored share of the broken pairs, times safety, times economy; from 0 to 1.

        Safety is a half after any unsafe step. Economy falls evenly from 1 for a single command to
        3/4 where commands and needless changes use up all that are allowed. So solving safely is at
        least 3/4, solving unsafely at most 1/2, and leaving everything as it is 0.
        """
        restored = max(0, self.broken_at_start - self.broken) / self.broken_at_start
        used = min(1.0, max(0, self.commands - 1 + self.needless) / self.max_commands)
        return restored * (UNSAFE_FACTOR if self.unsafe else 1.0) * (1.0 - (1.0 - LEAST_ECONOMY) * used)

    @property
    def failure(self) -> str | None:
        """The kind of failure (NetArena, table 2), None where the network was made whole safely.

        ``safety_violation``: a working pair was lost, whether or not it came back.
        ``control_logic_error``: changes were made, and the network is not whole.
        ``operational_error``: commands failed, and none changed anything.
        ``no_repair``: nothing was changed and nothing failed; the paper has no name for it.
        """
        if self.unsafe:
            return "safety_violation"
        if self.broken == 0:
            return None
        if self.changes:
            return "control_logic_error"
        return "operational_error" if self.failed else "no_repair"

    def metrics(self) -> dict[str, float]:
        """The counts by name."""
        return {
            "commands": float(self.commands),
            "failed_commands": float(self.failed),
            "state_changes": float(self.changes),
            "needless_changes": float(self.needless),
            "unsafe_steps": float(self.unsafe),
            "pairs_lost": float(self.lost),
            "pairs_broken_at_start": float(self.broken_at_start),
            "pairs_broken_at_end": float(self.broken),
        }


def reward(deed: Deed, broken_before: int, conduct: Conduct, form: Literal["shaped", "paper"]) -> float:
    """What a command is worth, as the manual's section on the reward says.

    Args:
        deed: what it did.
        broken_before: pairs that did not reach before it.
        conduct: of the episode, this command included.
        form: the name of the reward.
    """
    if form == "paper":
        return {"failed": -100.0, "look": 10.0, "fix": 100.0, "needless": 0.0, "unsafe": 0.0}[deed.kind]
    repaired = (broken_before - conduct.broken) / conduct.broken_at_start
    return repaired - COMMAND_COST - (UNSAFE_COST if deed.unsafe else 0.0)
