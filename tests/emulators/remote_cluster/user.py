"""A process that has an application in a remote cluster; the tests kill it.

``python -m tests.emulators.remote_cluster.user``
"""

import time
from typing import Any

from infraray.emulators.remote_cluster.cluster import RemoteCluster
from infraray.emulators.remote_cluster.supply import RemoteSupply
from tests.emulators.cluster.live import deployment, service

IMAGE = "python:3.13-alpine"


def manifests(shop: str, outside: str) -> list[dict[str, Any]]:
    """A shop with a client, and somebody outside of it."""
    found: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in (shop, outside)
    ]
    for one, namespace in (
        (deployment("shop", 8080), shop),
        (service("shop", 80, 8080), shop),
        (deployment("client"), shop),
        (deployment("visitor"), outside),
    ):
        one["metadata"]["namespace"] = namespace
        found.append(one)
    return found


def take(supply: RemoteSupply) -> RemoteCluster:
    """The application, in namespaces of the supply's own."""
    supply._held.enforces = True  # the tests prove that once
    return supply.take(manifests(*supply.names(("shop", "outside"), anew=False).values()))


if __name__ == "__main__":
    supply = RemoteSupply("", IMAGE)
    take(supply)
    print("ready", flush=True)
    time.sleep(3600)
