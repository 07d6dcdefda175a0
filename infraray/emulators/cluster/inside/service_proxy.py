"""The service proxy: translates the addresses of services into those of pods that are ready, in the node's network.

A service without a ready pod has no translation: its address is nowhere, and the kernel says so at once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from .agent import Agent
from .api_client import ENDPOINT_SLICES, SERVICES, Address, Kind, Object
from .conntrack import Conntrack
from .nftables import Nftables

NAME = "service-proxy"

SERVICE_NAME = "kubernetes.io/service-name"
"""The label with which a slice names its service."""

TABLE = """
table ip services {
    map targets { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }
    chain balanced { }
    chain prerouting {
        type nat hook prerouting priority dstnat; policy accept;
        jump balanced
        dnat ip to ip daddr . meta l4proto . th dport map @targets
    }
}
"""

Front = tuple[str, str, int]
"""A service's address, protocol and port."""

Target = tuple[str, int]
"""A pod's address and port."""


class ServiceProxy(Agent):
    """The agent. Make it in a thread that is in the node's network.

    Args:
        address: the API server's.
    """

    def __init__(self, address: Address) -> None:
        super().__init__(NAME, address, (SERVICES, ENDPOINT_SLICES))
        self._nftables = Nftables()
        self._nftables.commit(TABLE)
        self._conntrack = Conntrack()
        self._in_force: dict[Front, tuple[Target, ...]] = {}

    def reconcile(self, changed: dict[Kind, set[str]]) -> None:
        """Brings translations into force, all in one transaction."""
        wanted = {front: tuple(sorted(targets)) for front, targets in self._targets().items()}
        if wanted == self._in_force:
            return
        self._nftables.commit("\n".join(_commands(wanted)))
        fronts = {front for front in wanted.keys() | self._in_force if wanted.get(front) != self._in_force.get(front)}
        self._in_force = wanted
        self._conntrack.forget({address for address, _, _ in fronts})

    def names(self) -> dict[str, str]:
        """Addresses of all services, by ``namespace/name``."""
        found = {}
        for service in list(self.all(SERVICES)):
            address = service["spec"].get("clusterIP")
            if address and address != "None":
                found[f"{service['metadata']['namespace']}/{service['metadata']['name']}"] = address
        return found

    def _targets(self) -> dict[Front, set[Target]]:
        slices: dict[tuple[str, str], list[Object]] = defaultdict(list)
        for found in self.all(ENDPOINT_SLICES):
            metadata = found["metadata"]
            slices[metadata["namespace"], (metadata.get("labels") or {}).get(SERVICE_NAME, "")].append(found)
        targets: dict[Front, set[Target]] = defaultdict(set)
        for service in self.all(SERVICES):
            spec, metadata = service["spec"], service["metadata"]
            address = spec.get("clusterIP")
            if not address or address == "None" or spec.get("type") == "ExternalName":
                continue
            for port in spec.get("ports") or ():
                protocol = port.get("protocol") or "TCP"
                for found in slices[metadata["namespace"], metadata["name"]]:
                    reached = set(_reached(found, port.get("name") or "", protocol))
                    if reached:
                        targets[address, protocol.lower(), port["port"]] |= reached
        return targets


def _reached(found: Object, name: str, protocol: str) -> Iterator[Target]:
    """Where a slice sends connections to a port of its service."""
    for port in found.get("ports") or ():
        if (port.get("name") or "") == name and (port.get("protocol") or "TCP") == protocol and port.get("port"):
            for endpoint in found.get("endpoints") or ():
                if (endpoint.get("conditions") or {}).get("ready") is not False:
                    yield endpoint["addresses"][0], port["port"]


def _commands(wanted: dict[Front, tuple[Target, ...]]) -> Iterator[str]:
    yield "flush map ip services targets"
    yield "flush chain ip services balanced"
    single = []
    for (address, protocol, port), targets in wanted.items():
        if len(targets) == 1:
            single.append(f"{address} . {protocol} . {port} : {targets[0][0]} . {targets[0][1]}")
            continue
        listed = ", ".join(f"{number} : {to} . {at}" for number, (to, at) in enumerate(targets))
        choice = f"numgen random mod {len(targets)} map {{ {listed} }}"
        yield f"add rule ip services balanced ip daddr {address} {protocol} dport {port} dnat ip to {choice}"
    if single:
        yield f"add element ip services targets {{ {', '.join(single)} }}"
