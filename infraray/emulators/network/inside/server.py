"""A network's first process: builds the network and answers its parent's requests."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from typing import Any

from infraray.emulators.inside.init import Server
from infraray.emulators.inside.namespaces import NetworkNamespace

from .configuration import ConfigurationReader
from .configuration.sysctls import Sysctls
from .flowmesh import Flowmesh, in_order
from .machine_owner import MachineOwner
from .measuring_places import MeasuringPlaces
from .mininet_network import EmulatedNetwork
from .pingmesh import Pingmesh
from .storms import Storms

WHOLE_S = 5.0
"""A network that is not fully connected this long after it was configured is given up."""


class NetworkServer(Server):
    """The first process of a network; see `Server`."""

    def __init__(self, stream: socket.socket) -> None:
        super().__init__(stream)
        self.places = MeasuringPlaces()
        self.storms: Storms | None = None  # until an agent's command has run
        self.answers = {
            "build": self.build,
            "configure": self.configure,
            "pingmesh": self.pingmesh,
            "flowmesh": self.flowmesh,
            "apply": self.apply,
            "run": self.run,
            "snapshot": self.snapshot,
        }

    def close_outside(self) -> None:
        """Closes the measuring places."""
        self.places.close()

    def idle(self) -> None:
        """Ends storms, which may be caused by a measurement's broadcast."""
        if self.storms is not None:
            self.storms.end()

    def build(self, plan: dict[str, Any]) -> None:
        """Builds the network's machines, switches and cables."""
        self.home = NetworkNamespace.current()
        self.owner = MachineOwner(list(plan["machines"]))
        self.network = EmulatedNetwork(plan, self.home, self.owner.namespaces)
        sysctls = Sysctls()
        self.readers = {
            name: ConfigurationReader(machine, self.home, sysctls) for name, machine in self.network.machines.items()
        }

    def configure(
        self, settings: dict[str, Any], targets: dict[str, dict[str, str]], mtus: dict[str, dict[str, int]]
    ) -> None:
        """Assigns addresses and names, and returns once every machine reaches every other one."""
        self.network.configure(settings)
        self.mesh = Pingmesh(self.network, targets, self.places)
        self.flows = Flowmesh(self.mesh, self.network, in_order(self.mesh.machines, mtus))
        until = time.monotonic() + WHOLE_S
        while not all(map(all, self.mesh.measure())):
            if time.monotonic() > until:
                raise OSError(f"the network is not whole {WHOLE_S:g} s after it was configured")

    def pingmesh(self) -> list[str]:
        """The pingmesh, as a string of 0 and 1 for each source."""
        return _rows(self.mesh.measure())

    def flowmesh(self) -> list[str]:
        """The flowmesh in the same form."""
        return _rows(self.flows.measure())

    def apply(self, machine: str, commands: list[str], seconds: float) -> None:
        """Runs our own, trusted commands.

        Raises:
            OSError: one fails, or takes too long.
        """
        self.readers[machine].touch()
        for command in commands:
            with self.network.machines[machine].namespace.entered(self.home):
                process = subprocess.Popen(
                    ["/bin/sh", "-c", command],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    errors="replace",
                )
            with process:
                try:
                    output, _ = process.communicate(timeout=seconds)
                except subprocess.TimeoutExpired:
                    process.kill()
                    raise OSError(f"{machine}: {command}: not done after {seconds:g} s") from None
            if process.returncode != 0:
                raise OSError(f"{machine}: {command}: exit status {process.returncode}: {' '.join(output.split())}")

    def run(self, machine: str, command: str, limits: dict[str, Any]) -> dict[str, Any]:
        """Runs an untrusted command."""
        group = self.frames.take_files()
        try:
            return self._run(machine, command, limits, group)
        finally:
            for file in group:
                os.close(file)

    def _run(self, machine: str, command: str, limits: dict[str, Any], group: list[int]) -> dict[str, Any]:
        self.readers[machine].touch()
        if self.storms is None:
            self.storms = Storms(self.network.machines)
        result = self.owner.run(machine, command, limits, group)
        if self.storms.end() and result["ended"] is None:
            result |= {"exit_code": None, "ended": "storm"}
        return result

    def snapshot(self) -> dict[str, Any]:
        """The configuration of each machine."""
        return {name: reader.read() for name, reader in self.readers.items()}


def _rows(table: list[list[bool]]) -> list[str]:
    return ["".join("01"[reached] for reached in row) for row in table]


SERVER = NetworkServer
