"""What a router is configured like while the network is whole, as `ip` shows and takes it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address, ip_network

from infraray.emulators.network import Interface, Topology


@dataclass(frozen=True)
class Route:
    """One entry of a router's main table.

    Args:
        destination: the network, such as ``192.168.1.0/24``.
        interface: the interface it leaves by.
        spec: the whole entry, as `ip route` shows it and takes it.
        static: whether it was set by hand; the others come and go with an address.
    """

    destination: str
    interface: str
    spec: str
    static: bool


def router_interfaces(topology: Topology) -> tuple[Interface, ...]:
    """The interfaces of all routers."""
    return tuple(interface for interface in topology.interfaces if interface.machine in topology.routers)


def is_host_subnet(interface: Interface) -> bool:
    """Whether hosts are behind it, and not the next router of a chain."""
    return interface.address.startswith("192.168.")


def subnet_network(subnet: int) -> str:
    """The network of subnet 1, 2, ..."""
    return f"192.168.{subnet}.0/24"


@cache
def routes(topology: Topology, router: str) -> tuple[Route, ...]:
    """A router's main table: its own networks, then those beyond its neighbours."""
    own = [interface for interface in router_interfaces(topology) if interface.machine == router]
    found = []
    for interface in own:
        address = interface.address.split("/")[0]
        spec = f"{interface.network} dev {interface.name} proto kernel scope link src {address}"
        found.append(Route(interface.network, interface.name, spec, static=False))
    for static in topology.routes:
        if static.machine == router:
            (name,) = [interface.name for interface in own if ip_address(static.via) in ip_network(interface.network)]
            found.append(Route(static.to, name, f"{static.to} via {static.via} dev {name}", static=True))
    return tuple(found)


def lost_with(topology: Topology, interface: Interface) -> tuple[str, ...]:
    """The commands that bring back the static routes which an interface took with it when it went down."""
    return tuple(
        f"ip route replace {route.spec}"
        for route in routes(topology, interface.machine)
        if route.static and route.interface == interface.name
    )
