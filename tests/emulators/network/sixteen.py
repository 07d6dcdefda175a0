"""Sixteen networks at once, each broken in another way: ``python -m tests.emulators.network.sixteen``."""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from infraray.emulators.network.namespace_network import NamespaceNetwork
from infraray.emulators.network.topology import Topology
from tests.emulators.live import subnet, table

TOPOLOGY = Topology(4, 4)


def main() -> None:
    with ThreadPoolExecutor(16) as threads:
        networks = list(threads.map(NamespaceNetwork, [TOPOLOGY] * 16))
        right = list(threads.map(as_expected, networks, range(16)))
        for network in networks:
            network.close()
    print(f"user {os.getuid()}: {sum(right)} of {len(right)} right")


def as_expected(network: NamespaceNetwork, number: int) -> bool:
    """Cuts one subnet off, or none, and measures ten times."""
    cut = number % 5
    if cut:
        network.apply("r0", [f"ip link set r0-eth{cut} down"])

    def reaches(source: str, target: str) -> bool:
        return not cut or (subnet(TOPOLOGY, source) == cut) == (subnet(TOPOLOGY, target) == cut)

    return all(np.array_equal(network.pingmesh(), table(TOPOLOGY, reaches)) for _ in range(10))


if __name__ == "__main__":
    main()
