"""Faults make a task only where a live network proves it."""

from collections.abc import Iterator
from random import Random

import pytest

from infraray.emulators.network import features
from infraray.emulators.network.namespace_network import NamespaceNetwork
from infraray.emulators.network.topology import Topology
from infraray.scenarios.routing.faults import FAMILIES, Fault
from infraray.scenarios.routing.site import Site
from infraray.scenarios.routing.validation import Unfit, examine, inject
from tests.emulators.live import needs_networks

pytestmark = needs_networks

TOPOLOGY = Topology(3, 1)
CHAIN = Topology(2, 1, 3)


@pytest.fixture
def network() -> Iterator[NamespaceNetwork]:
    with NamespaceNetwork(TOPOLOGY) as live:
        yield live


def drawn(family: str, variant: str) -> Fault:
    """The first fault of a variant that a fixed series draws."""
    random = Random(3)
    while True:
        fault = FAMILIES[family](Site(TOPOLOGY), random, features())
        if fault.variant == variant:
            return fault


def variants(topology: Topology) -> list[Fault]:
    random = Random(2)
    found: dict[tuple[str, str], Fault] = {}
    for family, draw in FAMILIES.items():
        for _ in range(200):
            fault = draw(Site(topology), random, features())
            found.setdefault((family, fault.variant), fault)
    return list(found.values())


@pytest.mark.parametrize("topology", [TOPOLOGY, CHAIN], ids=["router", "chain"])
def test_every_variant_bites_and_its_repair_restores_every_setting(topology: Topology) -> None:
    with NamespaceNetwork(topology) as live:
        healthy = live.snapshot()
        for fault in variants(topology):
            symptom = examine(live, [fault], healthy)
            assert symptom.families == (fault.family,) and not symptom.breaks_nothing
            assert live.snapshot() == healthy


def test_fault_that_breaks_nothing_is_refused(network: NamespaceNetwork) -> None:
    wide = Fault(
        "remove_ip",
        "wrong_mask",
        "r0",
        ("r0-eth1", "16"),
        ("ip addr flush dev r0-eth1", "ip addr add 192.168.1.1/16 dev r0-eth1"),
        ("ip addr add 192.168.1.1/24 brd + dev r0-eth1", "ip addr del 192.168.1.1/16 dev r0-eth1"),
    )
    with pytest.raises(Unfit, match="all pings come through"):
        examine(network, [wide], network.snapshot())


def test_fault_that_another_repair_mends_is_refused(network: NamespaceNetwork) -> None:
    address = drawn("disable_interface", "link_down")
    (name,) = address.place
    route = next(
        fault
        for seed in range(1000)
        if (fault := FAMILIES["wrong_routing_table"](Site(TOPOLOGY), Random(seed), features())).variant == "high_metric"
        and fault.place[0] == f"192.168.{name[-1]}.0/24"
    )
    with pytest.raises(Unfit, match="wrong_routing_table needs no repair of its own"):
        examine(network, [address, route], network.snapshot())


def test_repair_that_leaves_something_behind_is_refused(network: NamespaceNetwork) -> None:
    careless = Fault(
        "disable_routing",
        "sysctl",
        "r0",
        (),
        ("sysctl -w net.ipv4.ip_forward=0", "sysctl -w net.ipv4.ip_default_ttl=63"),
        ("sysctl -w net.ipv4.ip_forward=1",),
    )
    with pytest.raises(Unfit, match="does not restore"):
        examine(network, [careless], network.snapshot())


def test_faults_that_do_not_go_together_are_refused(network: NamespaceNetwork) -> None:
    prohibited = drawn("disable_routing", "prohibit_rule")
    gateway = drawn("wrong_routing_table", "wrong_gateway")
    with pytest.raises(Unfit, match="one does not go into the other"):
        examine(network, [gateway, prohibited], network.snapshot())


def test_lost_network_is_no_verdict_on_the_faults(network: NamespaceNetwork) -> None:
    healthy = network.snapshot()
    network.close()
    with pytest.raises(Exception, match="lost"):
        examine(network, [drawn("disable_routing", "sysctl")], healthy)


def test_both_faults_of_a_pair_are_there_at_the_beginning(network: NamespaceNetwork) -> None:
    faults = [drawn("disable_routing", "sysctl"), drawn("drop_traffic", "drop")]
    healthy = network.snapshot()
    together = examine(network, faults, healthy)
    alone = [examine(network, [fault], healthy) for fault in faults]
    inject(network, faults)
    assert tuple(map(tuple, network.pingmesh().tolist())) == together.reaches
    failing = [sum(not cell for row in symptom.reaches for cell in row) for symptom in (together, *alone)]
    assert failing[0] >= max(failing[1:])
