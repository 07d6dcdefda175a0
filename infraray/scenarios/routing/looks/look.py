"""The type of a look."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from infraray.emulators.network.topology import Topology


class Look(NamedTuple):
    """A command and the repairs that follow from its output.

    Args:
        command: a simple command that changes nothing.
        repairs: maps the plan, the router and the output to the commands that undo what is wrong, in order.
    """

    command: str
    repairs: Callable[[Topology, str, str], Sequence[str]]
