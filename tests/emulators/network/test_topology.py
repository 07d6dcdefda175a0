"""The plan of a network: who has which address, and how it is reached."""

from ipaddress import IPv4Network, ip_address, ip_interface, ip_network
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infraray.emulators.network.topology import MAX_MACHINES, Segment, Topology
from infraray.errors import InfrarayError

topologies = st.builds(Topology, st.integers(2, 5), st.integers(1, 3), st.integers(1, 6))


def test_the_paper_s_plan_is_one_router_with_a_subnet_on_each_interface() -> None:
    found = {(interface.machine, interface.name): interface.address for interface in Topology(2, 2).interfaces}
    assert found == {
        ("h1", "h1-eth0"): "192.168.1.101/24",
        ("h2", "h2-eth0"): "192.168.1.102/24",
        ("h3", "h3-eth0"): "192.168.2.101/24",
        ("h4", "h4-eth0"): "192.168.2.102/24",
        ("r0", "r0-eth1"): "192.168.1.1/24",
        ("r0", "r0-eth2"): "192.168.2.1/24",
    }


@given(topologies)
def test_no_address_is_given_twice_and_each_is_in_its_network(topology: Topology) -> None:
    addresses = [ip_interface(interface.address) for interface in topology.interfaces]
    assert len({address.ip for address in addresses}) == len(addresses)
    for address, interface in zip(addresses, topology.interfaces, strict=True):
        assert address.network == ip_network(interface.network)


@settings(max_examples=30)
@given(topologies)
def test_following_the_routes_leads_every_ping_to_its_target(topology: Topology) -> None:
    owner = {str(ip_interface(interface.address).ip): interface.machine for interface in topology.interfaces}
    hops: dict[str, list[tuple[IPv4Network, str]]] = {machine: [] for machine in topology.machines}
    for interface in topology.interfaces:
        hops[interface.machine].append((ip_network(interface.network), ""))
    for route in topology.routes:
        hops[route.machine].append((ip_network("0.0.0.0/0" if route.to == "default" else route.to), route.via))
    for source, target in permutations(topology.machines, 2):
        address, here = topology.target(source, target), source
        for _ in range(topology.num_routers + 1):
            if owner[address] != here:
                via = next(via for network, via in hops[here] if ip_address(address) in network)
                here = owner[via or address]
        assert here == target


@given(topologies)
def test_both_ends_of_a_chain_have_subnets_and_they_are_spread_evenly(topology: Topology) -> None:
    counts = [0] * topology.num_routers
    for number in range(1, topology.num_subnets + 1):
        counts[topology.routers.index(topology.router_of(number))] += 1
    assert counts[0] > 0 and counts[-1] > 0
    assert max(counts) - min(counts) <= 1


@pytest.mark.parametrize(
    ("arguments", "field"),
    [((1, 2, 1), "num_subnets=1"), ((2, 0, 1), "hosts_per_subnet=0"), ((2, 2, 17), "num_routers=17")],
)
def test_a_size_out_of_range_is_named(arguments: tuple[int, int, int], field: str) -> None:
    with pytest.raises(InfrarayError, match=rf"^{field}: choose from \d+ to \d+$"):
        Topology(*arguments)


def test_too_many_machines_are_counted() -> None:
    with pytest.raises(InfrarayError, match=f"makes 321 machines; choose at most {MAX_MACHINES}"):
        Topology(10, 32)


def test_other_numbers_and_names_make_the_same_machines() -> None:
    segments = (
        Segment("10.7.3.64/26", (62, 5, 9), ("lan0", "eth0", "eth0"), 1400),
        Segment("172.20.8.0/24", (1, 200, 33), ("wan1", "ens3", "ens3")),
    )
    topology = Topology(2, 2, numbering=segments)
    assert topology.shape == Topology(2, 2) and topology.machines == Topology(2, 2).machines
    assert [interface.address for interface in topology.interfaces if interface.machine == "r0"] == [
        "10.7.3.126/26",
        "172.20.8.1/24",
    ]
    assert topology.target("h1", "h4") == "172.20.8.33" and topology.target("h3", "r0") == "172.20.8.1"
    assert [route.via for route in topology.routes] == ["10.7.3.126", "10.7.3.126", "172.20.8.1", "172.20.8.1"]
