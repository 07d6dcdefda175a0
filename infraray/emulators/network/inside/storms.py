"""Ends broadcast storms: packets that circulate in loops built by an agent and keep the computer busy."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

SUSPICIOUS = 1000
"""Packets received and sent since the last check that raise suspicion; measurements cause some hundred."""

QUIET_S = 0.01
"""Time for which a suspicious machine is observed, while nothing of ours sends and no command runs."""

STORM = 50
"""Packets in that time that make a storm. A loop of two bridges makes thousands, even on a busy computer."""


class Storms:
    """Tracks how much each machine has received and sent.

    Args:
        machines: the machines by name.
    """

    def __init__(self, machines: Mapping[str, Any]) -> None:
        self._machines = machines
        self._packets = self._count()

    def end(self) -> list[str]:
        """Takes down the links of machines with a storm and returns their names. Call it while no command runs."""
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
