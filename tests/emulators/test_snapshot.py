"""Snapshots: equal configurations are equal, and every change of one shows, on its machine alone."""

import time
from collections.abc import Iterator

import pytest

from infraray.emulators.namespace import NamespaceNetwork
from infraray.emulators.network import Topology
from tests.emulators.live import needs_networks

pytestmark = needs_networks


@pytest.fixture(scope="module")
def network() -> Iterator[NamespaceNetwork]:
    with NamespaceNetwork(Topology(2, 2)) as live:
        yield live


def test_two_networks_of_one_plan_have_equal_snapshots(network: NamespaceNetwork) -> None:
    with NamespaceNetwork(Topology(2, 2)) as other:
        assert other.snapshot() == network.snapshot()


@pytest.mark.parametrize(
    "harmless",
    [
        "ping -c 2 -i 0.01 192.168.2.101",
        "iptables -L -n -v; iptables -t nat -S; ip6tables -S",
        "ip addr; ip route show table all; ip rule; ip -s link; tc -s qdisc; ip neigh; sysctl -a",
        "ip neigh flush all",
        "ip link set r0-eth1 up; sysctl -w net.ipv4.ip_forward=1",
    ],
)
def test_looking_around_changes_nothing(network: NamespaceNetwork, harmless: str) -> None:
    before = network.snapshot()
    network.pingmesh()
    network.run("r0", harmless)
    assert network.snapshot() == before


def test_a_change_that_is_taken_back_leaves_an_equal_configuration(network: NamespaceNetwork) -> None:
    before = network.snapshot()
    network.apply("r0", ["iptables -A FORWARD -s 192.168.1.0/24 -j DROP", "ip rule add prohibit pref 0"])
    assert network.snapshot() != before
    network.apply("r0", ["iptables -D FORWARD -s 192.168.1.0/24 -j DROP", "ip rule del prohibit pref 0"])
    assert network.snapshot() == before


CHANGES = {
    "ip link set r0-eth1 down": "links",
    "ip link set r0-eth1 mtu 1400": "links",
    "ip link set r0-eth1 address 02:00:00:00:99:99": "links",
    "ip link add spare type bridge": "links",
    "ip addr add 10.0.0.1/8 dev r0-eth1": "addresses",
    "ip addr del 192.168.1.1/24 dev r0-eth1": "addresses",
    "ip route add 10.0.0.0/8 via 192.168.1.101": "routes",
    "ip route add 10.0.0.0/8 via 192.168.1.101 table 7": "routes",
    "ip route add blackhole 192.168.2.101": "routes",
    "ip route add 10.0.0.0/8 nexthop via 192.168.1.101 nexthop via 192.168.2.101": "routes",
    "ip rule add prohibit pref 0": "rules",
    "ip rule add from 192.168.1.0/24 table 7": "rules",
    "ip neigh add 192.168.1.77 lladdr 02:00:00:00:99:99 dev r0-eth1": "neighbours",
    "ip neigh add proxy 192.168.1.77 dev r0-eth1": "neighbours",
    "tc qdisc add dev r0-eth1 root tbf rate 1mbit burst 10k latency 50ms": "queueing",
    "iptables -P FORWARD DROP": "filters",
    "iptables -A INPUT -s 192.168.1.0/24 -p icmp -j DROP": "filters",
    "iptables -t nat -A POSTROUTING -j MASQUERADE": "filters",
    "ip6tables -P FORWARD DROP": "filters",
    "sysctl -w net.ipv4.ip_forward=0": "sysctls",
    "sysctl -w net.ipv4.icmp_echo_ignore_all=1": "sysctls",
    "sysctl -w net.ipv4.conf.r0-eth1.rp_filter=1": "sysctls",
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_shows_where_it_was_made(change: str) -> None:
    with NamespaceNetwork(Topology(2, 1)) as network:
        before = network.snapshot()
        network.apply("r0", [change])
        after = network.snapshot()
        assert before["r0"][CHANGES[change]] != after["r0"][CHANGES[change]]
        assert {name for name in before if before[name] != after[name]} == {"r0"}


def test_a_rule_of_nft_shows(network: NamespaceNetwork) -> None:
    before = network.snapshot()
    if network.run("h1", "nft add table ip mine").exit_code == 127:
        pytest.fail("nft is not installed: apt-get install nftables")
    assert network.snapshot()["h1"]["filters"] != before["h1"]["filters"]
    network.apply("h1", ["nft delete table ip mine"])
    assert network.snapshot() == before


def test_counters_are_left_out(network: NamespaceNetwork) -> None:
    network.apply("h2", ["iptables -A OUTPUT -j ACCEPT"])
    before = network.snapshot()
    network.pingmesh()
    assert network.snapshot() == before
    assert before["h2"]["filters"] == {"ip filter": ["-A OUTPUT -j ACCEPT"]}


def test_a_snapshot_of_17_machines_takes_a_tenth_of_a_second() -> None:
    with NamespaceNetwork(Topology(4, 4)) as network:
        times = []
        for _ in range(10):
            began = time.perf_counter()
            network.snapshot()
            times.append(time.perf_counter() - began)
        assert min(times) < 0.1
