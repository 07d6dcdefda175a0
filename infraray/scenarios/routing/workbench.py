"""Where a task is made: a whole network to examine faults on, and to break in the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np

from infraray.emulators import features
from infraray.emulators.network import Network
from infraray.emulators.supply import NetworkSupply
from infraray.errors import InfrarayError
from infraray.scenarios.routing.conduct import Configuration, Reaches
from infraray.scenarios.routing.faults import Fault
from infraray.scenarios.routing.site import Site
from infraray.scenarios.routing.validation import Symptom, Unfit, examine, inject

ATTEMPTS = 3
"""Fresh networks in which proven faults are tried before they are given up."""


@dataclass(frozen=True)
class BrokenNetwork:
    """A network in which faults were put, before anything else happened to it.

    Args:
        network: the live network.
        site: what it is while it is whole.
        faults: what is wrong, in the order of repair.
        reaches: which machines reach which.
        symptom: what can be seen from outside.
        healthy: the configuration of the whole network.
        refused: draws of the seed that made no task, or a duplicate, before this one.
        features: of the kernel.
    """

    network: Network
    site: Site
    faults: tuple[Fault, ...]
    reaches: Reaches
    symptom: Symptom
    healthy: Configuration
    refused: int
    features: frozenset[str]


class Workbench:
    """Holds one whole network; a context manager, which ends a network that was not handed out.

    Args:
        supply: of networks.
        site: what they are made into.
    """

    _plain_symptoms: dict[Any, Symptom | None] = {}  # noqa: RUF012 (what this process has examined)

    def __init__(self, supply: NetworkSupply, site: Site) -> None:
        self.supply = supply
        self.site = site
        self._whole: Network | None = None
        self._healthy: Configuration = {}

    @property
    def network(self) -> Network:
        """The whole network, a fresh one where there is none."""
        if self._whole is None:
            self._whole = self.supply.take(self.site.topology)
            self.site.furnish(self._whole)
            self._healthy = self._whole.snapshot()
        return self._whole

    def symptom(self, faults: Sequence[Fault]) -> Symptom | None:
        """The faults' symptom, None where they make no task; on the plain network examined once for all alike."""
        if not self.site.plain:
            return self._examine(faults)
        key = self.site.topology, tuple(fault.kind for fault in faults)
        if key not in self._plain_symptoms:
            self._plain_symptoms[key] = self._examine(faults)
        return self._plain_symptoms[key]

    def break_network(self, faults: tuple[Fault, ...], symptom: Symptom, refused: int) -> BrokenNetwork:
        """Puts proven faults in, sees that they bite, and hands the network out.

        Raises:
            InfrarayError: the symptom is another one than before, time and again.
        """
        for _ in range(ATTEMPTS):
            network = self.network
            inject(network, faults)
            reaches = network.pingmesh()
            if np.array_equal(reaches, symptom.reaches):
                self._whole = None
                return BrokenNetwork(network, self.site, faults, reaches, symptom, self._healthy, refused, features())
            self._discard()
        raise InfrarayError(f"routing: {faults} had another symptom than when they were examined, {ATTEMPTS} times")

    def _examine(self, faults: Sequence[Fault]) -> Symptom | None:
        network = self.network
        try:
            return examine(network, faults, self._healthy)
        except Unfit:
            self._discard()
            return None

    def _discard(self) -> None:
        if self._whole is not None:
            self._whole.close()
            self._whole = None

    def __enter__(self) -> Workbench:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._discard()
