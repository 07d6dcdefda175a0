"""Where an agent's commands run: a network of their own in which one socket listens, and whoever serves it is reached.

The socket is made in that network and served from outside of it, so that neither a route nor a name leads from a
command to anything else, and no credential for the cluster is where commands run.
"""

from __future__ import annotations

import json
import socket

from infraray.emulators.cluster.api_server.kubeconfig import kubeconfig
from infraray.emulators.cluster.requirements import kubectl, problem
from infraray.emulators.emulator import BUILD_S, Emulator
from infraray.emulators.fork_server import ForkServer
from infraray.emulators.remote_cluster.inside.server import API_PORT
from infraray.isolation import Finished, Limits

fork_server = ForkServer("infraray.emulators.remote_cluster.inside.server")


class Workplace(Emulator):
    """Namespaces in which commands run one after the other.

    Args:
        namespace: the namespace that kubectl means if none is named.
        limits: the limits of each command.

    Raises:
        InfrarayError: this machine cannot isolate commands, or lacks kubectl.
    """

    def __init__(self, namespace: str, limits: Limits | None = None) -> None:
        super().__init__(fork_server, "workplace", problem, limits)
        ours, theirs = socket.socketpair()
        with ours, self._building():
            with theirs:
                config = kubeconfig(f"http://127.0.0.1:{API_PORT}", namespace=namespace, name="cluster")
                asked = {"do": "build", "kubectl": kubectl() or "", "kubeconfig": json.dumps(config)}
                self._ask(asked, BUILD_S, [theirs.fileno()])
            ours.settimeout(BUILD_S)
            _, (descriptor, *_), _, _ = socket.recv_fds(ours, 1, 1)
        self.listening = socket.socket(fileno=descriptor)
        """The socket that kubectl inside takes for the API server; whoever holds this serves it and closes it."""

    def run(self, script: str) -> Finished:
        """Runs a script with kubectl.

        Raises:
            InvalidAction: the text cannot be a script.
            InfrarayError: it cannot be isolated here and was not run, or the workplace is lost.
        """
        return Finished(**self._run({"do": "run", "script": script}))
