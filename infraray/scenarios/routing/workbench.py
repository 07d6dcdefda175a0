"""The workbench for making a task: an intact network on which faults are examined and finally injected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np

from infraray.emulators.network import features
from infraray.emulators.network.interface import Network
from infraray.emulators.network.supply import NetworkSupply
from infraray.errors import InfrarayError
from infraray.scenarios.routing.conduct import Configuration, Reaches
from infraray.scenarios.routing.faults import Fault
from infraray.scenarios.routing.site import Site
from infraray.scenarios.routing.validation import Symptom, Unfit, examine, inject

ATTEMPTS = 3
"""Fresh networks in which verified faults are tried before giving up."""


@dataclass(frozen=True)
class BrokenNetwork:
    """A network with injected faults, before anything else has happened to it.

    Args:
        network: the live network.
        site: its intact form.
        faults: its faults, in the order of repair.
        reaches: which machines reach which.
        symptom: the externally visible effect.
        healthy: the configuration of the intact network.
        refused: number of earlier draws of the seed that made no task or a duplicate.
        features: the kernel's features.
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
    """Holds one intact network; as a context manager it ends a network that was not handed out.

    Args:
        supply: the supply of networks.
        site: the site that they are made into.
    """

    _plain_symptoms: dict[Any, Symptom | None] = {}  # noqa: RUF012 (what this process has examined)

    def __init__(self, supply: NetworkSupply, site: Site) -> None:
        self.supply = supply
        self.site = site
        self._whole: Network | None = None
        self._healthy: Configuration = {}

    @property
    def network(self) -> Network:
        """The intact network; a fresh one if there is none."""
        if self._whole is None:
            self._whole = self.supply.take(self.site.topology)
            self.site.furnish(self._whole)
            self._healthy = self._whole.snapshot()
        return self._whole

    def symptom(self, faults: Sequence[Fault]) -> Symptom | None:
        """The faults' symptom, None if they do not make a task; on the plain network, like faults are examined once."""
        if not self.site.plain:
            return self._examine(faults)
        key = self.site.topology, tuple(fault.kind for fault in faults)
        if key not in self._plain_symptoms:
            self._plain_symptoms[key] = self._examine(faults)
        return self._plain_symptoms[key]

    def break_network(self, faults: tuple[Fault, ...], symptom: Symptom, refused: int) -> BrokenNetwork:
        """Injects verified faults, checks that they take effect, and hands out the network.

        Raises:
            InfrarayError: the symptom repeatedly differs from the verified one.
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
