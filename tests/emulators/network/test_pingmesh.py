"""Who reaches whom in a live network, against tables that follow from what was done to it."""

import shutil
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from infraray.emulators.network.namespace_network import NamespaceNetwork
from infraray.emulators.network.topology import Topology
from infraray.emulators.requirements import PATH
from infraray.errors import InfrarayError
from tests.emulators.live import needs_networks, subnet, table

pytestmark = needs_networks

TOPOLOGY = Topology(3, 2)
SN1 = "192.168.1.0/24"


@pytest.fixture
def network() -> Iterator[NamespaceNetwork]:
    with NamespaceNetwork(TOPOLOGY) as live:
        yield live


@pytest.mark.parametrize(
    "size",
    [*((subnets, hosts) for subnets in (2, 3, 4) for hosts in (1, 2, 4)), (2, 1, 2), (4, 2, 2), (3, 1, 3), (2, 2, 5)],
    ids=str,
)
def test_a_new_network_is_whole(size: tuple[int, ...]) -> None:
    with NamespaceNetwork(Topology(*size)) as network:
        reached = network.pingmesh()
        assert reached.shape == (len(network.topology.machines),) * 2
        assert reached.all()


def in_one_subnet(source: str, target: str) -> bool:
    return subnet(TOPOLOGY, source) == subnet(TOPOLOGY, target)


def without_subnet_1(source: str, target: str) -> bool:
    """Subnet 1 is cut off from everything else, the router too."""
    return (subnet(TOPOLOGY, source) == 1) == (subnet(TOPOLOGY, target) == 1)


def without_subnet_3(source: str, target: str) -> bool:
    return (subnet(TOPOLOGY, source) == 3) == (subnet(TOPOLOGY, target) == 3)


def without_forwarding(source: str, target: str) -> bool:
    return in_one_subnet(source, target) or "r0" in (source, target)


def subnet_1_not_forwarded(source: str, target: str) -> bool:
    return without_subnet_1(source, target) or "r0" in (source, target)


def router_hides_from_subnet_1(source: str, target: str) -> bool:
    return {subnet(TOPOLOGY, source), subnet(TOPOLOGY, target)} != {0, 1}


def h1_only_near(source: str, target: str) -> bool:
    return "h1" not in (source, target) or "r0" in (source, target) or in_one_subnet(source, target)


BREAKS: dict[str, tuple[str, list[str], list[str], Callable[[str, str], bool]]] = {
    "no forwarding": (
        "r0",
        ["sysctl -w net.ipv4.ip_forward=0"],
        ["sysctl -w net.ipv4.ip_forward=1"],
        without_forwarding,
    ),
    "policy drops": ("r0", ["iptables -P FORWARD DROP"], ["iptables -P FORWARD ACCEPT"], without_forwarding),
    "rule prohibits": ("r0", ["ip rule add prohibit pref 0"], ["ip rule del prohibit pref 0"], in_one_subnet),
    "subnet not forwarded": (
        "r0",
        [f"iptables -A FORWARD -s {SN1} -j DROP"],
        [f"iptables -D FORWARD -s {SN1} -j DROP"],
        subnet_1_not_forwarded,
    ),
    "interface down": ("r0", ["ip link set r0-eth1 down"], ["ip link set r0-eth1 up"], without_subnet_1),
    "mtu too small": ("r0", ["ip link set r0-eth1 mtu 68"], ["ip link set r0-eth1 mtu 1500"], without_subnet_1),
    "no address": (
        "r0",
        ["ip addr flush dev r0-eth1"],
        ["ip addr add 192.168.1.1/24 brd + dev r0-eth1"],
        without_subnet_1,
    ),
    "other address": (
        "r0",
        ["ip addr flush dev r0-eth1", "ip addr add 10.9.9.1/24 dev r0-eth1"],
        ["ip addr flush dev r0-eth1", "ip addr add 192.168.1.1/24 dev r0-eth1"],
        without_subnet_1,
    ),
    "input dropped": (
        "r0",
        [f"iptables -A INPUT -s {SN1} -j DROP"],
        ["iptables -F"],
        router_hides_from_subnet_1,
    ),
    "output rejected": (
        "r0",
        [f"iptables -A OUTPUT -d {SN1} -j REJECT"],
        ["iptables -F"],
        router_hides_from_subnet_1,
    ),
    "route deleted": ("r0", [f"ip route del {SN1}"], [f"ip route add {SN1} dev r0-eth1"], without_subnet_1),
    "route elsewhere": (
        "r0",
        [f"ip route del {SN1}", f"ip route add {SN1} via 192.168.2.101"],
        [f"ip route del {SN1}", f"ip route add {SN1} dev r0-eth1"],
        without_subnet_1,
    ),
    "host without way out": (
        "h1",
        ["ip route del default"],
        ["ip route add default via 192.168.1.1"],
        h1_only_near,
    ),
    "host's cable out": (
        "h1",
        ["ip link set h1-eth0 down"],
        ["ip link set h1-eth0 up", "ip route add default via 192.168.1.1"],
        lambda source, target: "h1" not in (source, target),
    ),
    "silent host": (
        "h1",
        ["sysctl -w net.ipv4.icmp_echo_ignore_all=1"],
        ["sysctl -w net.ipv4.icmp_echo_ignore_all=0"],
        lambda source, target: target != "h1",
    ),
}


@pytest.mark.parametrize("name", BREAKS)
def test_each_break_has_exactly_its_table_and_its_repair_makes_all_whole(network: NamespaceNetwork, name: str) -> None:
    machine, commands, repair, reaches = BREAKS[name]
    for _ in range(3):
        network.apply(machine, commands)
        for _ in range(3):
            assert np.array_equal(network.pingmesh(), table(TOPOLOGY, reaches))
        network.apply(machine, repair)
        assert network.pingmesh().all()


def test_in_a_chain_a_broken_link_parts_the_two_sides() -> None:
    topology = Topology(4, 1, 4)
    with NamespaceNetwork(topology) as network:
        network.apply("r1", ["ip addr flush dev r1-eth6"])  # towards r2
        left = {"h1", "h2", "r0", "r1"}
        expected = table(topology, lambda source, target: (source in left) == (target in left))
        assert np.array_equal(network.pingmesh(), expected)


def test_an_address_put_on_another_machine_reaches_nothing(network: NamespaceNetwork) -> None:
    network.apply("r0", ["ip addr add 192.168.3.101/32 dev lo"])  # h5's
    stolen = table(
        TOPOLOGY,
        lambda source, target: "h5" not in (source, target) or {source, target} == {"h5", "h6"},
    )
    assert np.array_equal(network.pingmesh(), stolen)


def test_a_reply_from_oneself_counts_as_none(network: NamespaceNetwork) -> None:
    network.apply("r0", ["ip link set r0-eth3 down"])
    broken = network.pingmesh()
    network.apply("h1", ["iptables -t nat -A OUTPUT -p icmp -d 192.168.3.0/24 -j DNAT --to-destination 127.0.0.1"])
    assert np.array_equal(network.pingmesh(), broken)


def test_a_network_translated_on_the_way_still_reaches(network: NamespaceNetwork) -> None:
    network.apply("r0", ["iptables -t nat -A POSTROUTING -j MASQUERADE"])
    assert network.pingmesh().all()


def test_replies_that_a_queue_holds_back_are_waited_for(network: NamespaceNetwork) -> None:
    # A packet of 98 bytes takes 2 ms, and h1 sends one and answers one for each of the others in each round.
    network.apply("h1", ["tc qdisc add dev h1-eth0 root tbf rate 400kbit burst 128 latency 1s"])
    network.apply("r0", ["ip link set r0-eth3 down"])
    for _ in range(5):
        assert np.array_equal(network.pingmesh(), table(TOPOLOGY, without_subnet_3))


def test_what_was_learned_while_broken_is_forgotten(network: NamespaceNetwork) -> None:
    # Without an answer to ARP the kernel gives an address up, and does not ask again for seconds.
    network.apply("r0", ["ip link set r0-eth1 arp off"])
    assert not network.pingmesh().all()
    network.apply("h1", ["ping -c 1 -W 1 192.168.2.101 || true"])
    network.apply("r0", ["ip link set r0-eth1 arp on"])
    assert network.pingmesh().all()


@pytest.mark.alone
def test_a_broken_network_is_measured_in_well_under_a_second() -> None:
    with NamespaceNetwork(Topology(4, 4)) as network:
        network.apply("r0", ["ip rule add prohibit pref 0"])
        for interface in network.topology.interfaces:
            if interface.machine != "r0":
                network.apply(interface.machine, [f"ip addr flush dev {interface.name}"])
        times = []
        for _ in range(5):
            began = time.perf_counter()
            assert network.pingmesh().sum() == len(network.topology.machines)
            times.append(time.perf_counter() - began)
        assert min(times) < 0.5


def test_fifty_measurements_of_one_state_are_equal(network: NamespaceNetwork) -> None:
    assert all(network.pingmesh().all() for _ in range(50))
    machine, commands, _, reaches = BREAKS["subnet not forwarded"]
    network.apply(machine, commands)
    expected = table(TOPOLOGY, reaches)
    assert all(np.array_equal(network.pingmesh(), expected) for _ in range(50))


@pytest.mark.skipif(shutil.which("nft", path=PATH) is None, reason="apt-get install nftables (nft is not installed)")
@pytest.mark.parametrize("mangled", ["@th,128,32", "@th,144,32", "@th,160,32"])
def test_pings_that_are_mangled_on_the_way_count_as_lost(network: NamespaceNetwork, mangled: str) -> None:
    chain = "nft add table ip t; nft 'add chain ip t o { type filter hook output priority 0; }'"
    assert network.run("h1", f"{chain}; nft add rule ip t o ip protocol icmp {mangled} set 0xffffffff").exit_code == 0
    assert np.array_equal(network.pingmesh(), table(TOPOLOGY, lambda source, target: "h1" not in (source, target)))


def test_a_command_of_ours_that_fails_is_shown_with_what_it_printed(network: NamespaceNetwork) -> None:
    with pytest.raises(InfrarayError, match="r0: ip link set nothing up: exit status 1: Cannot find device"):
        network.apply("r0", ["ip link set nothing up"])
    assert network.pingmesh().all()


def test_an_unknown_machine_is_named(network: NamespaceNetwork) -> None:
    with pytest.raises(InfrarayError, match="machine='r1': there is none of that name; known are h1, h2"):
        network.apply("r1", ["true"])


def test_a_path_mtu_that_routers_learned_during_a_fault_does_not_outlive_its_repair() -> None:
    with NamespaceNetwork(Topology(2, 1, 2)) as network:
        name, mtu = network.topology.segments[0][0].name, network.topology.segments[0][0].mtu
        network.apply("r0", [f"ip link set {name} mtu 68"])
        network.flowmesh()
        learned = network.run("r1", "ip route show cache").output
        network.apply("r0", [f"ip link set {name} mtu {mtu}"])
        assert "mtu" in learned
        assert network.flowmesh().all()
