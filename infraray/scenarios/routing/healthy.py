"""A router's configuration in the intact network, in the form that `ip` shows and accepts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address, ip_network

from infraray.emulators.network.topology import Interface, Topology


@dataclass(frozen=True)
class Route:
    """One entry of a router's main table.

    Args:
        destination: the network, such as ``192.168.1.0/24``.
        interface: the interface it leaves by.
        spec: the whole entry, as `ip route` shows and accepts it.
        static: whether it was set by hand; other routes come and go with an address.
    """

    destination: str
    interface: str
    spec: str
    static: bool


def router_interfaces(topology: Topology) -> tuple[Interface, ...]:
    """The interfaces of all routers."""
    return tuple(interface for interface in topology.interfaces if interface.machine in topology.routers)


def interfaces_of(topology: Topology, machine: str) -> tuple[Interface, ...]:
    """The interfaces of one machine."""
    return tuple(interface for interface in topology.interfaces if interface.machine == machine)


def subnets(topology: Topology) -> tuple[str, ...]:
    """The networks of the subnets 1, 2, ..."""
    return tuple(segment[0].network for segment in topology.segments[: topology.num_subnets])


def is_host_subnet(topology: Topology, interface: Interface) -> bool:
    """Whether hosts are behind it rather than the next router of a chain."""
    return interface.network in subnets(topology)


def hosts_of(topology: Topology, network: str) -> tuple[Interface, ...]:
    """The interfaces of the hosts of a subnet; empty for a link."""
    return tuple(found for found in topology.interfaces if found.network == network and found.machine in topology.hosts)


@lru_cache(maxsize=256)
def routes(topology: Topology, router: str) -> tuple[Route, ...]:
    """A router's main table: its own networks, then those beyond its neighbours."""
    own = interfaces_of(topology, router)
    found = []
    for interface in own:
        spec = f"{interface.network} dev {interface.name} proto kernel scope link src {interface.ip}"
        found.append(Route(interface.network, interface.name, spec, static=False))
    for static in topology.routes:
        if static.machine == router:
            (name,) = [interface.name for interface in own if ip_address(static.via) in ip_network(interface.network)]
            found.append(Route(static.to, name, f"{static.to} via {static.via} dev {name}", static=True))
    return tuple(found)


def lost_with(topology: Topology, interface: Interface) -> tuple[str, ...]:
    """The commands that restore the static routes lost when an interface went down."""
    return tuple(
        f"ip route replace {route.spec}"
        for route in routes(topology, interface.machine)
        if route.static and route.interface == interface.name
    )
