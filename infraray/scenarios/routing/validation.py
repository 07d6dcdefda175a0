"""Verifies on a live network that faults make a task.

They must break pings, each must need its own repair, and the expert's repair must restore the network and leave its
configuration exactly as it was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from infraray.emulators.network.interface import Network
from infraray.errors import InfrarayError
from infraray.scenarios.routing.conduct import Configuration, Reaches
from infraray.scenarios.routing.faults import Fault


class Unfit(Exception):
    """Faults that do not make a task; the text says why. The network's state is undefined."""


@dataclass(frozen=True)
class Symptom:
    """The externally visible effect of faults; tasks with equal symptoms are duplicates.

    Args:
        families: the families of the faults.
        reaches: which machines reach which.
    """

    families: tuple[str, ...]
    reaches: tuple[tuple[bool, ...], ...]

    @classmethod
    def of(cls, faults: Sequence[Fault], reaches: Reaches) -> Symptom:
        """The symptom of ``faults`` with the ping results ``reaches``."""
        return cls(tuple(fault.family for fault in faults), tuple(map(tuple, reaches.tolist())))

    @property
    def breaks_nothing(self) -> bool:
        """Whether all pings get through."""
        return all(map(all, self.reaches))

    @property
    def name(self) -> str:
        """A short name for counting, the same on every machine."""
        table = np.packbits(np.array(self.reaches)).tobytes()
        return hashlib.sha256("/".join(self.families).encode() + table).hexdigest()[:12]


def inject(network: Network, faults: Sequence[Fault]) -> None:
    """Injects faults, given in the order of repair, into an intact network."""
    for fault in reversed(faults):
        network.apply(fault.machine, [" && ".join(fault.inject)])


def repair(network: Network, faults: Sequence[Fault]) -> None:
    """Repairs faults with the expert's commands. Some may fail, since one repair may depend on another."""
    for fault in faults:
        network.apply(fault.machine, ["; ".join((*fault.repair, "true"))])


def examine(network: Network, faults: Sequence[Fault], healthy: Configuration) -> Symptom:
    """The symptom of faults that make a task.

    Args:
        network: an intact network; intact again afterwards.
        faults: the faults in the order of repair.
        healthy: the configuration of the intact network.

    Raises:
        Unfit: they do not make a task.
    """
    symptom: Symptom | None = None
    for last in faults:
        try:
            inject(network, faults)
        except InfrarayError as error:
            network.snapshot()  # raises if the network itself has failed
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
            # Not the order of repair: what depends on the last one did not take effect.
            repair(network, others)
        if not network.pingmesh().all() or network.snapshot() != healthy:
            raise Unfit("the expert's repair does not restore the network")
    assert symptom is not None
    return symptom
