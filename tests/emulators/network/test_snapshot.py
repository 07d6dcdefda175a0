"""Snapshots: equal configurations are equal, and every change of one shows, on its machine alone."""

import shutil
import struct
import time
from collections.abc import Iterator

import pytest

from infraray.emulators.network.inside.configuration.links import links
from infraray.emulators.network.namespace_network import NamespaceNetwork
from infraray.emulators.network.topology import Topology
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


LEGACY = shutil.which("iptables-legacy", path=PATH) is not None
NFT = shutil.which("nft", path=PATH) is not None

CHANGES = [
    # Interfaces.
    "ip link set r0-eth1 down",
    "ip link set r0-eth1 mtu 1400",
    "ip link set r0-eth1 address 02:00:00:00:99:99",
    "ip link set r0-eth1 txqueuelen 7",
    "ip link set r0-eth1 alias uplink",
    "ip link set r0-eth1 group 7",
    "ip link set r0-eth1 promisc on",
    "ip link set r0-eth1 allmulticast on",
    "ip link set r0-eth1 multicast off",
    "ip link set r0-eth1 arp off",
    "ip link set r0-eth1 gso_max_size 4000",
    "ip link set r0-eth1 gso_max_segs 4",
    "ip link set r0-eth1 gro_max_size 4000",
    "ip link set r0-eth1 addrgenmode none",
    "ip link set r0-eth1 broadcast ff:ff:ff:ff:ff:fe",
    "ip link property add dev r0-eth1 altname uplink",
    "ip link set r0-eth1 down; ip link set r0-eth1 name renamed; ip link set renamed up",
    "ip link set lo down",
    "ip link del r0-eth1",
    "ip link add spare type bridge",
    "ip link add spare type dummy",
    "ip link add link r0-eth1 name spare type vlan id 7",
    "ip link add link r0-eth1 name spare type macvlan mode bridge",
    "ip tunnel add spare mode ipip remote 192.168.1.101 local 192.168.1.1",
    "ip tunnel add spare mode gre remote 192.168.1.101 local 192.168.1.1 ttl 7",
    "ip link add spare type vxlan id 7 dstport 4789 remote 192.168.1.101",
    "ip tuntap add spare mode tun",
    "ip maddr add 33:33:00:00:00:77 dev r0-eth1",
    "ip token set ::77 dev r0-eth1 || ip link set r0-eth1 alias no-token",
    # Addresses.
    "ip addr add 10.0.0.1/8 dev r0-eth1",
    "ip addr del 192.168.1.1/24 dev r0-eth1",
    "ip addr add 192.168.1.9/24 dev r0-eth1",
    "ip addr change 192.168.1.1/24 dev r0-eth1 valid_lft 1000 preferred_lft 1000",
    "ip addr change 192.168.1.1/24 dev r0-eth1 valid_lft 1000 preferred_lft 10",
    "ip addr add 10.0.0.1/8 dev r0-eth1 noprefixroute",
    "ip addr add 10.0.0.1/8 dev r0-eth1 label r0-eth1:7",
    "ip addr add 10.0.0.1 peer 10.0.0.2 dev r0-eth1",
    "sysctl -qw net.ipv6.conf.r0-eth1.disable_ipv6=0",
    "ip addrlabel add prefix 2001:db8::/32 label 77",
    # Routes and rules.
    "ip route add 10.0.0.0/8 via 192.168.1.101",
    "ip route add 10.0.0.0/8 via 192.168.1.101 table 7",
    "ip route add blackhole 192.168.2.101",
    "ip route add 10.0.0.0/8 nexthop via 192.168.1.101 nexthop via 192.168.2.101",
    "ip route add 10.0.0.0/8 via 192.168.1.101 mtu 1000",
    "ip route add 10.0.0.0/8 via 192.168.1.101 advmss 500 metric 5",
    "ip route add 10.0.0.0/8 via 192.168.1.101 tos 8",
    "ip route add 10.0.0.0/8 via 192.168.1.101 src 192.168.2.1",
    "ip route add 10.0.0.0/8 via 192.168.1.101 realm 7",
    "ip route add multicast 239.0.0.0/8 dev r0-eth1",
    "ip route change 192.168.1.0/24 dev r0-eth1 src 192.168.1.1 proto static",
    "ip -6 route add blackhole 2001:db8::/32",
    "ip nexthop add id 5 via 192.168.1.101 dev r0-eth1",
    "ip nexthop add id 5 blackhole",
    "ip rule add prohibit pref 0",
    "ip rule add from 192.168.1.0/24 table 7",
    "ip rule add fwmark 7 table 7",
    "ip rule add ipproto icmp table 7",
    "ip rule add iif r0-eth1 table 7",
    "ip rule add ipproto tcp dport 7 table 7",
    "ip rule del pref 32767",
    "ip -6 rule add from 2001:db8::/32 prohibit",
    # Neighbours.
    "ip neigh add 192.168.1.77 lladdr 02:00:00:00:99:99 dev r0-eth1",
    "ip neigh add 192.168.1.77 lladdr 02:00:00:00:99:99 dev r0-eth1 nud noarp",
    "ip neigh add 192.168.1.77 dev r0-eth1 managed",
    "ip neigh add proxy 192.168.1.77 dev r0-eth1",
    "ip ntable change name arp_cache dev r0-eth1 base_reachable 7000",
    "sysctl -qw net.ipv4.neigh.r0-eth1.app_solicit=3",
    "ip link add spare type bridge; bridge fdb add 02:00:00:00:99:99 dev spare self",
    # Traffic control.
    "tc qdisc add dev r0-eth1 root tbf rate 1mbit burst 10k latency 50ms",
    "tc qdisc add dev r0-eth1 clsact",
    # IPsec.
    "ip xfrm policy add dir out dst 10.0.0.0/8 action block",
    "ip xfrm policy add dir fwd src 192.168.1.0/24 action block priority 7",
    "ip xfrm policy set hthresh4 24 32",
    "ip xfrm policy setdefault fwd block",
    # Filters.
    "iptables -P FORWARD DROP",
    "iptables -A INPUT -s 192.168.1.0/24 -p icmp -j DROP",
    "iptables -t nat -A POSTROUTING -j MASQUERADE",
    "iptables -t mangle -A FORWARD -j TTL --ttl-set 3",
    "iptables -t raw -A PREROUTING -j NOTRACK",
    "iptables -N mine",
    "iptables -A FORWARD -m comment --comment mine -j ACCEPT",
    "iptables -A FORWARD -m limit --limit 3/s -j ACCEPT",
    "ip6tables -P FORWARD DROP",
    "ip6tables -A FORWARD -j DROP",
    # Settings.
    "sysctl -qw net.ipv4.ip_forward=0",
    "sysctl -qw net.ipv4.icmp_echo_ignore_all=1",
    "sysctl -qw net.ipv4.icmp_ratelimit=1",
    "sysctl -qw net.ipv4.conf.r0-eth1.rp_filter=1",
    "sysctl -qw net.ipv4.conf.r0-eth1.log_martians=1",
    "sysctl -qw net.ipv4.conf.all.bootp_relay=1",
    "sysctl -qw net.ipv4.conf.default.rp_filter=2",
    "sysctl -qw net.ipv4.ip_default_ttl=9",
    "sysctl -qw net.ipv4.ip_no_pmtu_disc=1",
    "sysctl -qw net.ipv4.ip_local_port_range='20000 30000'",
    "sysctl -qw net.ipv4.ip_local_reserved_ports=1024-2000,3000,4000-4100,5000-5999",
    "sysctl -qw net.ipv4.ping_group_range='0 0'",
    "sysctl -qw net.ipv4.tcp_syn_retries=2",
    "sysctl -qw net.ipv4.tcp_ecn=1",
    "sysctl -qw net.ipv4.fib_multipath_hash_policy=1",
    "sysctl -qw net.ipv4.route.min_pmtu=700",
    "sysctl -qw net.ipv6.conf.all.forwarding=1",
    "sysctl -qw net.ipv6.conf.r0-eth1.accept_ra=2",
    "sysctl -qw net.ipv6.icmp.echo_ignore_all=1",
    "sysctl -qw net.core.somaxconn=7",
    "sysctl -qw net.unix.max_dgram_qlen=7",
]
"""Each changes one thing on r0, and takes none of it back."""

if LEGACY:
    CHANGES += [
        "iptables-legacy -A FORWARD -s 192.168.1.0/24 -j DROP",
        "iptables-legacy -P FORWARD DROP",
        "iptables-legacy -t nat -A PREROUTING -p tcp --dport 80 -j REDIRECT --to-ports 8080",
        "iptables-legacy -t mangle -A PREROUTING -m ttl --ttl-eq 7 -j DROP",
        "iptables-legacy -N mine",
        "ip6tables-legacy -A FORWARD -j DROP",
    ]
if NFT:
    CHANGES += [
        "nft add table ip mine",
        "nft add table inet mine '{ flags dormant; }'",
        "nft add table netdev mine",
        "nft add table ip mine; nft add chain ip mine f '{ type filter hook forward priority 0; policy drop; }'",
        "nft add table ip mine; nft add set ip mine s '{ type ipv4_addr; elements = { 10.0.0.1 }; }'",
        "nft add table ip mine; nft add map ip mine m '{ type ipv4_addr : verdict; }'",
        "nft add table ip mine; nft add quota ip mine q '{ 100 mbytes }'",
        "nft add table arp mine; nft add chain arp mine i '{ type filter hook input priority 0; policy drop; }'",
        "nft add table bridge mine; nft add chain bridge mine i '{ type filter hook input priority 0; }'",
    ]


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_shows_where_it_was_made_and_stays(change: str) -> None:
    with NamespaceNetwork(Topology(2, 1)) as network:
        before = network.snapshot()
        if not apply(network, change):
            return
        after = network.snapshot()
        assert before["r0"] != after["r0"]
        assert {name for name in before if before[name] != after[name]} == {"r0"}
        assert network.snapshot() == after


NOT_IN_EVERY_KERNEL = (
    *("Unknown device type", "Specified qdisc kind is unknown", "TC classifier not found"),
    *('add tunnel "', "open: Permission denied", "RTNETLINK answers: Operation not supported"),
)

BRIDGE = "ip link add bridge0 type bridge"
CABLE = "ip link add cable0 type veth peer name cable1"
PORT = f"{BRIDGE}; {CABLE}; ip link set cable0 master bridge0; ip link set bridge0 up; ip link set cable0 up"

FURTHER_CHANGES = [
    ("nft add table ip t; nft add set ip t s '{ type ipv4_addr; }'", "nft add element ip t s '{ 10.0.0.1 }'"),
    ("nft add table ip t; nft add chain ip t c", "nft add rule ip t c counter drop"),
    ("nft add table ip t; nft add chain ip t c", "nft add rule ip t c quota over 7 mbytes drop"),
    ("nft add table ip t; nft add quota ip t q '{ 7 mbytes }'", "nft delete quota ip t q"),
    ("iptables -A FORWARD -s 10.0.0.1 -j DROP", "iptables -R FORWARD 1 -s 10.0.0.2 -j DROP"),
    (
        "iptables -A FORWARD -j ACCEPT; iptables -A FORWARD -j DROP",
        "iptables -D FORWARD 1; iptables -A FORWARD -j ACCEPT",
    ),
    ("iptables-legacy -A FORWARD -j ACCEPT", "iptables-legacy -A FORWARD -j ACCEPT"),
    ("iptables-legacy -A FORWARD -m ttl --ttl-eq 7", "iptables-legacy -R FORWARD 1 -m ttl --ttl-eq 8"),
    (
        "ip addr add 10.0.0.1/8 dev lo valid_lft 900 preferred_lft 900",
        "ip addr change 10.0.0.1/8 dev lo valid_lft 99999 preferred_lft 9",
    ),
    ("ip route add 10.0.0.0/8 nexthop dev r0-eth1 nexthop dev r0-eth2", "ip route change 10.0.0.0/8 dev r0-eth1"),
    (
        "ip route add 10.0.0.0/8 nexthop dev r0-eth1 weight 1 nexthop dev r0-eth2 weight 1",
        "ip route change 10.0.0.0/8 nexthop dev r0-eth1 weight 1 nexthop dev r0-eth2 weight 9",
    ),
    ("ip nexthop add id 5 dev r0-eth1; ip route add 10.0.0.0/8 nhid 5", "ip nexthop replace id 5 dev r0-eth2"),
    ("ip xfrm policy add dir out dst 10.0.0.0/8", "ip xfrm policy update dir out dst 10.0.0.0/8 action block"),
    (
        "tc qdisc add dev r0-eth1 root handle 1: htb default 7",
        "tc qdisc del dev r0-eth1 root",
    ),
    (
        "tc qdisc add dev r0-eth1 root handle 1: htb",
        "tc filter add dev r0-eth1 parent 1: protocol ip u32 match ip dst 192.168.1.101 flowid 1:7",
    ),
    (
        "tc qdisc add dev r0-eth1 clsact",
        "tc filter add dev r0-eth1 egress protocol ip u32 match ip dst 192.168.1.101 flowid 1:7",
    ),
    ("tc qdisc add dev r0-eth1 root handle 1: htb", "tc class add dev r0-eth1 parent 1: classid 1:7 htb rate 1mbit"),
    (BRIDGE, "ip link set bridge0 type bridge stp_state 1"),
    (
        f"{BRIDGE}; {CABLE}",
        "ip link set cable0 master bridge0",
    ),
    (
        PORT,
        "ip link set bridge0 type bridge vlan_filtering 1 && bridge vlan add dev cable0 vid 7",
    ),
    (
        PORT,
        "bridge link set dev cable0 learning off",
    ),
    (
        PORT,
        "bridge mdb add dev bridge0 port cable0 grp 239.1.1.1 permanent",
    ),
    ("ip tunnel add t mode gre remote 10.0.0.9", "ip tunnel change t mode gre remote 10.0.0.8"),
    (CABLE, "ip link del cable0"),
]
"""What is there first, and a change of it."""


@pytest.mark.parametrize(("first", "change"), FURTHER_CHANGES)
def test_a_change_of_what_was_made_shows(first: str, change: str) -> None:
    for program in ("nft", "iptables-legacy"):
        if program in first and shutil.which(program, path=PATH) is None:
            pytest.skip(f"{program} is not installed")
    with NamespaceNetwork(Topology(2, 1)) as network:
        if not apply(network, first):
            return
        before = network.snapshot()
        network.pingmesh()
        assert network.snapshot() == before
        if not apply(network, change):
            return
        assert network.snapshot()["r0"] != before["r0"]


def apply(network: NamespaceNetwork, command: str) -> bool:
    """Runs a command on r0; False where the kernel has not what it needs, so that nobody can make that change."""
    try:
        network.apply("r0", [command])
    except InfrarayError as error:
        if any(reason in str(error) for reason in NOT_IN_EVERY_KERNEL):
            return False
        raise
    return True


def test_nothing_changes_by_itself_or_by_being_measured() -> None:
    everything = "; ".join(
        [
            "iptables -A FORWARD -m limit --limit 9/s -j ACCEPT",
            "iptables -A INPUT -m statistic --mode nth --every 99999 --packet 0 -j LOG",
            "iptables -t nat -A POSTROUTING -s 10.9.0.0/16 -j MASQUERADE",
            "tc qdisc add dev r0-eth1 root handle 1: htb",
            "tc qdisc add dev r0-eth2 root tbf rate 1gbit burst 1m latency 50ms",
            "ip xfrm policy add dir out dst 10.9.0.0/16",
            "ip addr add 10.8.0.1/24 dev lo valid_lft 900 preferred_lft 800",
            "ip nexthop add id 5 via 192.168.1.101 dev r0-eth1",
            *(["iptables-legacy -A FORWARD -m limit --limit 9/s -j ACCEPT"] if LEGACY else []),
            *(["nft add table ip t; nft add chain ip t f '{ type filter hook forward priority 9; }'"] if NFT else []),
            *(["nft add rule ip t f counter quota over 9000 mbytes drop"] if NFT else []),
        ]
    )
    with NamespaceNetwork(Topology(2, 1)) as network:
        network.apply("r0", [everything])
        before = network.snapshot()
        for _ in range(3):
            network.pingmesh()
            network.flowmesh()
            network.run("r0", "true")
            time.sleep(0.7)
            assert network.snapshot() == before


def test_a_setting_that_is_written_again_as_it_was_is_no_change(network: NamespaceNetwork) -> None:
    before = network.snapshot()
    network.apply("h1", ["sysctl -qw net.ipv4.ip_default_ttl=9 net.ipv4.tcp_ecn=1"])
    assert network.snapshot()["h1"]["sysctls"] != before["h1"]["sysctls"]
    network.apply("h1", ["sysctl -qw net.ipv4.ip_default_ttl=64 net.ipv4.tcp_ecn=2"])
    assert network.snapshot() == before


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
        assert changed["r0"]["filters"] != before["r0"]["filters"]
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


def test_an_interface_may_have_no_hardware_address() -> None:
    """As wireguard's, which not every kernel has."""
    link = (struct.pack("=BxHiII", 0, 65534, 7, 1, 0), {3: b"wg0\0", 4: bytes(4), 13: bytes(4)})
    assert links([link], {})[0]["wg0"]["address"] == ""


def test_a_request_that_fails_is_an_error_and_not_the_networks_end(network: NamespaceNetwork) -> None:
    with pytest.raises(InfrarayError, match="KeyError: 'no such request'"):
        network._ask({"do": "no such request"})
    assert network.alive and network.snapshot()


def test_counters_are_left_out(network: NamespaceNetwork) -> None:
    network.apply("h2", ["iptables -A OUTPUT -j ACCEPT"])
    before = network.snapshot()
    network.pingmesh()
    assert network.snapshot() == before
    assert [line.split()[0] for line in before["h2"]["filters"]["ip filter"]] == ["chain", "OUTPUT"]


@pytest.mark.alone
def test_a_snapshot_of_17_machines_takes_a_tenth_of_a_second() -> None:
    with NamespaceNetwork(Topology(4, 4)) as network:
        times = []
        for _ in range(10):
            began = time.perf_counter()
            network.snapshot()
            times.append(time.perf_counter() - began)
        assert min(times) < 0.1
