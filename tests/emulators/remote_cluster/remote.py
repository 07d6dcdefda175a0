"""An emulated cluster in a remote one's place: it is reached over TCP and by a kubeconfig alone."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from infraray.emulators.cluster.cluster import Cluster
from infraray.emulators.cluster.inside.pod_networks import NODE_ADDRESS
from infraray.emulators.cluster.inside.server import API_PORT
from infraray.isolation.sandbox import PYTHON

needs_python = pytest.mark.skipif(
    not any(Path(path).exists() for path in PYTHON), reason="commands in emulated pods find no Python below /usr"
)

TOKEN = "the-users-own"
RELAY = Path(__file__).with_name("relay.py")


@contextmanager
def reachable(cluster: Cluster) -> Iterator[int]:
    """The port of this machine at which a cluster's API server answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listening:
        relay = subprocess.Popen(
            [
                *("nsenter", "--target", str(cluster.pid), "--user", "--preserve-credentials", "--net"),
                *(sys.executable, "-I", str(RELAY), str(listening.fileno()), NODE_ADDRESS, str(API_PORT)),
            ],
            pass_fds=[listening.fileno()],
        )
        try:
            yield int(listening.getsockname()[1])
        finally:
            relay.kill()
            relay.wait()


def write_kubeconfig(path: Path, port: int, context: str = "remote") -> None:
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "there", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "me", "user": {"token": TOKEN}}],
        "contexts": [{"name": context, "context": {"cluster": "there", "user": "me"}}],
        "current-context": context,
    }
    path.write_text(json.dumps(config))
