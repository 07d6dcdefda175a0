"""What a look is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from infraray.emulators.network import Topology


class Look(NamedTuple):
    """A command, and what follows from its output.

    Args:
        command: a simple one that changes nothing.
        repairs: from the plan, the router and the output, the commands that undo what is wrong, in order.
    """

    command: str
    repairs: Callable[[Topology, str, str], Sequence[str]]
