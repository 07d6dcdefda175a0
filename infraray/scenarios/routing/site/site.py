"""One intact network, as drawn by its seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_network
from random import Random

from infraray.emulators.network.interface import Network
from infraray.emulators.network.topology import Topology
from infraray.scenarios.routing.site.fixtures import Fixtures, draw_fixtures
from infraray.scenarios.routing.site.numbering import draw_numbering

SHORTEST_FILTERED_PREFIX = 16


@dataclass(frozen=True)
class Site:
    """An intact network.

    Args:
        topology: its machines, addresses and routes.
        fixtures: what else belongs on each router; none in NetArena's plain network.
    """

    topology: Topology
    fixtures: Mapping[str, Fixtures] = field(default_factory=dict)

    @property
    def plain(self) -> bool:
        """Whether it is NetArena's network, the same for every seed."""
        return not self.fixtures

    def furnish(self, network: Network) -> None:
        """Sets up the fixtures in a fresh network of the topology."""
        for router, fixtures in self.fixtures.items():
            network.apply(router, [fixtures.script])

    def filtered(self, subnet: str, random: Random) -> str:
        """A network for a wrong filter to name: the subnet or, except on the plain site, a larger one."""
        network = ip_network(subnet)
        if self.plain:
            return subnet
        return str(network.supernet(new_prefix=random.randint(SHORTEST_FILTERED_PREFIX, network.prefixlen)))

    def fixtures_of(self, router: str) -> Fixtures:
        """What belongs on a router."""
        return self.fixtures.get(router, Fixtures())


def draw_site(shape: Topology, variety: bool, seed: int) -> Site:
    """The seed's network of a shape; without ``variety`` the plain one."""
    if not variety:
        return Site(shape)
    random = Random(f"routing/site/{seed}")
    topology = draw_numbering(shape, random)
    return Site(topology, {router: draw_fixtures(topology, router, random) for router in topology.routers})
