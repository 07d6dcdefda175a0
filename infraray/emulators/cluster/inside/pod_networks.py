"""Networks of pods: each a namespace of its own with one address, some of them made before a pod needs one."""

from __future__ import annotations

import os
import socket
import threading
from collections import deque
from dataclasses import dataclass
from ipaddress import IPv4Network

from infraray.emulators.inside.namespaces import NetworkNamespace

from .links import ETH0, GATEWAY, Links, prepare

POD_NETWORK = IPv4Network("10.244.0.0/16")
NODE_ADDRESS = "10.200.0.1"
"""Where the API server and the node agent listen."""

FIRST_INDEX = 1000
"""Index of the first cable's end on the node."""

NODE_MAC = bytes.fromhex("020000000001")


@dataclass(frozen=True)
class PodNetwork:
    """A namespace with one address.

    Args:
        namespace: the namespace.
        address: its address.
        index: the index of its cable's end on the node.
    """

    namespace: NetworkNamespace
    address: str
    index: int


class PodNetworks:
    """Makes networks. Thread-safe; the calling threads are in the node's network.

    Addresses are given in turn, so that a pod that comes back has another one.

    Args:
        home: the node's network.
    """

    def __init__(self, home: NetworkNamespace) -> None:
        self._home = home
        self._links = Links()
        self._lock = threading.RLock()
        self._ready: deque[PodNetwork] = deque()
        self._made = 0

    def make_ahead(self, count: int) -> None:
        """Makes as many as to have so many ready."""
        for _ in range(count - len(self._ready)):
            with self._lock:
                self._ready.append(self._make())

    def take(self) -> PodNetwork:
        """A network that nobody has had."""
        with self._lock:
            return self._ready.popleft() if self._ready else self._make()

    def end(self, network: PodNetwork) -> None:
        """Removes a network; nothing holds a socket in it any more."""
        with self._lock:
            self._links.remove(network.index)
        os.close(network.namespace.file)

    def _make(self) -> PodNetwork:
        self._made += 1
        address = str(POD_NETWORK[1 + self._made % (POD_NETWORK.num_addresses - 3)])
        return make_network(self._home, self._links, address, f"pod{self._made}", FIRST_INDEX + self._made)


def make_network(home: NetworkNamespace, links: Links, address: str, name: str, index: int) -> PodNetwork:
    """Makes a namespace and its cable to the node.

    Args:
        home: the node's network, in which the calling thread is.
        links: of the node.
        address: the new one's address.
        name: the cable's on the node.
        index: likewise.
    """
    mac = b"\x02\x01" + socket.inet_aton(address)
    with home.left():
        namespace = NetworkNamespace.new()
        prepare(is_node=False)
        inside = Links()
    links.make_cable(index, name, NODE_MAC, mac, namespace)
    inside.confine(ETH0)
    inside.up(ETH0)
    links.up(index)
    inside.wait_until_up(ETH0)
    inside.add_address(ETH0, address)
    inside.add_neighbour(ETH0, GATEWAY, NODE_MAC)
    inside.add_default_route(ETH0)
    inside.close()
    links.add_neighbour(index, address, mac)
    links.add_host_route(index, address, NODE_ADDRESS)
    return PodNetwork(namespace, address, index)
