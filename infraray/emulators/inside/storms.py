"""Ends broadcast storms: packets that go round in what an agent has built, and keep the computer busy by themselves."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

SUSPICIOUS = 1000
"""Packets that a machine has received and sent since it was last looked at; measurements cause some hundred."""

QUIET_S = 0.01
"""How long a machine is listened to where that seems many. Nothing of ours sends meanwhile, and no command runs."""

STORM = 50
"""Packets in that time. A loop of two bridges makes thousands, also on a busy computer."""


class Storms:
    """Knows how much each machine has received and sent.

    Args:
        machines: by name.
    """

    def __init__(self, machines: Mapping[str, Any]) -> None:
        self._machines = machines
        self._packets = self._count()

    def end(self) -> list[str]:
        """Takes the links down of the machines in which there is a storm, and names those. For when no command runs."""
        packets = self._count()
        suspects = [name for name in packets if packets[name] - self._packets[name] > SUSPICIOUS]
        self._packets = packets
        if not suspects:
            return []
        time.sleep(QUIET_S)
        after = self._count()
        found = [name for name in suspects if after[name] - packets[name] > STORM]
        for name in found:
            self._machines[name].routing.take_links_down()
        return found

    def _count(self) -> dict[str, int]:
        return {name: machine.routing.packets() for name, machine in self._machines.items()}
