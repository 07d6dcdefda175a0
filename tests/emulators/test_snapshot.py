"""Snapshots: equal configurations are equal, and every change of one shows, on its machine alone."""

import shutil
import struct
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from infraray.emulators.inside.configuration import configuration
from infraray.emulators.inside.netlink import RTM_GETLINK
from infraray.emulators.namespace import NamespaceNetwork
from infraray.emulators.network import Topology
from infraray.emulators.requirements import PATH
from infraray.errors import InfrarayError
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


@pytest.mark.skipif(shutil.which("nft", path=PATH) is None, reason="apt-get install nftables (nft is not installed)")
@pytest.mark.parametrize(
    "change",
    [
        "nft add table ip mine",
        "nft add table netdev mine",
        # What iptables-save cannot show, in a table that is its own.
        "iptables -A FORWARD -j ACCEPT; nft add rule ip filter FORWARD ip ttl 7 meta mark set 5 counter drop",
    ],
)
def test_what_only_nft_knows_shows(change: str) -> None:
    with NamespaceNetwork(Topology(2, 1)) as network:
        before = network.snapshot()
        assert network.run("r0", change).exit_code == 0
        changed = network.snapshot()
        assert "nft" in changed["r0"]["filters"]
        network.pingmesh()
        assert network.snapshot() == changed
        network.apply("r0", ["nft flush ruleset"])
        assert network.snapshot() == before


def test_names_that_are_no_text_can_be_read() -> None:
    with NamespaceNetwork(Topology(2, 1)) as network:
        name, comment = r"$(printf 'a\377b')", r"$(printf 'a\303\251')"
        command = f'ip link add "{name}" type bridge; iptables -A INPUT -m comment --comment "{comment}"'
        assert network.run("r0", command).exit_code == 0
        assert len(network.snapshot()["r0"]["links"]) == 4


@pytest.mark.parametrize("end", [r"\342\200\250", r"\302\205", r"\014", r"\034"])
def test_a_rule_is_told_whole_whatever_its_comment_holds(end: str) -> None:
    with NamespaceNetwork(Topology(2, 1)) as network:
        snapshots = []
        for rest in ("a", "b"):
            comment = f"$(printf 'x{end}{rest}')"
            rule = f'INPUT -m comment --comment "{comment}" -j DROP'
            assert network.run("r0", f"iptables -A {rule}").exit_code == 0
            snapshots.append(network.snapshot())
            assert network.run("r0", f"iptables -D {rule}").exit_code == 0
        assert snapshots[0]["r0"]["filters"] != snapshots[1]["r0"]["filters"]
        assert all(one["r0"]["filters"]["ip filter"][-1].endswith("DROP") for one in snapshots)


def test_an_interface_may_have_no_hardware_address() -> None:
    """As wireguard's, which not every kernel has."""

    class Socket:
        def dump(self, kind: int, header: bytes) -> list[tuple[bytes, dict[int, bytes]]]:
            link = (struct.pack("=BxHiII", 0, 65534, 7, 1, 0), {3: b"wg0\0", 4: bytes(4), 13: bytes(4)})
            return [link] if kind == RTM_GETLINK else []

    machine: Any = SimpleNamespace(routing=Socket(), netfilter=Socket())
    assert configuration(machine)["links"]["wg0"]["address"] == ""


def test_a_request_that_fails_is_an_error_and_not_the_networks_end(network: NamespaceNetwork) -> None:
    with pytest.raises(InfrarayError, match="KeyError: 'no such request'"):
        network._ask({"do": "no such request"})
    assert network.alive and network.snapshot()


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
