"""A workplace's first process: runs an agent's commands in a network in which nothing but one socket listens."""

from __future__ import annotations

import socket
from dataclasses import asdict
from pathlib import Path
from typing import Any

from infraray.emulators.cluster.inside.links import LOOPBACK, Links
from infraray.emulators.inside.init import Server
from infraray.isolation import Equipment, Limits, Sandbox
from infraray.isolation.memory_group import received

API_PORT = 6443
KUBECONFIG = "/tmp/.kube/config"
BACKLOG = 128


class WorkplaceServer(Server):
    """The first process of a workplace; see `Server`."""

    def __init__(self, stream: socket.socket) -> None:
        super().__init__(stream)
        self.answers = {"build": self.build, "run": self.run}

    def build(self, kubectl: str, kubeconfig: str) -> None:
        """Listens, and passes the listening socket out.

        Args:
            kubectl: the path of kubectl.
            kubeconfig: the file by which it finds the socket.
        """
        Links().up(LOOPBACK)
        (descriptor,) = self.frames.take_files()
        with socket.socket(fileno=descriptor) as way_out:
            with socket.create_server(("127.0.0.1", API_PORT), backlog=BACKLOG) as listening:
                socket.send_fds(way_out, [b"."], [listening.fileno()])
        self.equipment = Equipment((Path(kubectl),), {KUBECONFIG: kubeconfig.encode()})

    def run(self, script: str, limits: dict[str, Any]) -> dict[str, Any]:
        """Runs an untrusted command."""
        with received(self.frames.take_files()) as group:
            return asdict(Sandbox(Limits(**limits), "reach", group, self.equipment).run(script))


SERVER = WorkplaceServer
