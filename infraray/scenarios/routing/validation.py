"""The proof, on a live network, that faults make a task.

They break pings, each of them has to be repaired, and the expert's repair makes the network whole and
leaves it configured exactly as it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from infraray.emulators.network import Network
from infraray.errors import InfrarayError
from infraray.scenarios.routing.conduct import Configuration, Reaches
from infraray.scenarios.routing.faults import Fault


class Unfit(Exception):
    """Faults that make no task; the text says why. The network is in no defined state."""


@dataclass(frozen=True)
class Symptom:
    """What can be seen of faults from outside: tasks of equal symptoms are duplicates.

    Args:
        families: of the faults.
        reaches: which machines reach which.
    """

    families: tuple[str, ...]
    reaches: tuple[tuple[bool, ...], ...]

    @classmethod
    def of(cls, faults: Sequence[Fault], reaches: Reaches) -> Symptom:
        """The symptom of ``faults`` by which the pings came out as ``reaches``."""
        return cls(tuple(fault.family for fault in faults), tuple(map(tuple, reaches.tolist())))

    @property
    def breaks_nothing(self) -> bool:
        """Whether all pings come through."""
        return all(map(all, self.reaches))

    @property
    def name(self) -> str:
        """A short name for counting, the same on every machine."""
        table = np.packbits(np.array(self.reaches)).tobytes()
        return hashlib.sha256("/".join(self.families).encode() + table).hexdigest()[:12]


def inject(network: Network, faults: Sequence[Fault]) -> None:
    """Puts faults into a whole network; they are given in the order of repair."""
    for fault in reversed(faults):
        network.apply(fault.machine, [" && ".join(fault.inject)])


def repair(network: Network, faults: Sequence[Fault]) -> None:
    """Takes faults out by the expert's commands. Some may fail: what one repair needs another may bring back."""
    for fault in faults:
        network.apply(fault.machine, ["; ".join((*fault.repair, "true"))])


def examine(network: Network, faults: Sequence[Fault], healthy: Configuration) -> Symptom:
    """The symptom of faults that make a task.

    Args:
        network: a whole one; afterwards whole again.
        faults: in the order of repair.
        healthy: the configuration of the whole network.

    Raises:
        Unfit: they make no task.
    """
    symptom: Symptom | None = None
    for last in faults:
        try:
            inject(network, faults)
        except InfrarayError as error:
            network.snapshot()  # raises where the network itself is what failed
            raise Unfit(f"one does not go into the other: {error}") from None
        if symptom is None:
            symptom = Symptom.of(faults, network.pingmesh())
            if symptom.breaks_nothing:
                raise Unfit("all pings come through")
        others = [fault for fault in faults if fault is not last]
        repair(network, others)
        if others and network.pingmesh().all():
            raise Unfit(f"{last.family} needs no repair of its own")
        repair(network, [last])
        if last is not faults[-1]:
            # Not the order of repair: what depends on the last one did not take hold.
            repair(network, others)
        if not network.pingmesh().all() or network.snapshot() != healthy:
            raise Unfit("the expert's repair does not restore the network")
    assert symptom is not None
    return symptom
