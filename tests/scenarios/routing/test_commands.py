"""What is one simple command, and which of them cost as much as a change."""

import pytest

from infraray.errors import InvalidAction
from infraray.scenarios.routing.commands import simple_command, writes

LOOKS = (
    *("ip addr", "ip -br a", "ip -4 -o addr show dev eth0", "ip route show table all", "ip r l", "ip rule list"),
    *("ifconfig", "ifconfig -a", "ifconfig eth0", "route -n", "arp -an", "iptables -S", "iptables -L -n -v"),
    *("iptables -t nat -S POSTROUTING", "iptables-save", "sysctl net.ipv4.ip_forward", "sysctl -a", "tc qdisc show"),
    *("tc -s qdisc ls dev eth0", "cat /proc/sys/net/ipv4/ip_forward", "ping -c 1 10.0.0.1", "ss -tln", "true"),
    "nft list ruleset",
)
CHANGES = (
    *(
        "ip addr add 10.0.0.1/24 dev eth0",
        "ip link set eth0 up",
        "ip r replace 10.0.0.0/24 dev eth0",
        "ip rule del pref 0",
    ),
    *(
        "ip addr flush dev eth0",
        "ip -4 route del default",
        "ifconfig eth0 up",
        "ifconfig eth0 10.0.0.1 netmask 255.0.0.0",
    ),
    *(
        "route add default gw 10.0.0.1",
        "arp -d 10.0.0.1",
        "iptables -F",
        "iptables -D FORWARD 1",
        "iptables -P INPUT DROP",
    ),
    *("sysctl -w net.ipv4.ip_forward=1", "sysctl net.ipv4.ip_forward=1", "tc qdisc del dev eth0 root"),
    "iptables -A INPUT -p icmp -j DROP",
)
SCRIPTS = (
    *("ip route; ip rule", "ip route && ip rule", "ip route | cat", "ip route\nip rule", "ip route & ip rule"),
    *("sh -c 'ip route'", "for i in 1 2; do ip route; done", "$(ip route)", "`ip route`", "ip route > /tmp/x"),
    *(
        "ip -batch /dev/stdin",
        "ip -b /tmp/x",
        "ip netns exec a ip route",
        "ip vrf exec a ip route",
        "xargs ip",
        "env ip route",
    ),
    *(
        "iptables --modprobe=/bin/sh -L",
        "iptables -M /tmp/x -S",
        "sysctl -p /tmp/x",
        "sysctl --system",
        "tc -batch /tmp/x",
    ),
    *(
        "sysctl -w net.ipv4.ip_forward=1 net.ipv4.ip_default_ttl=64",
        "nft 'flush ruleset; add table ip x'",
        "(ip route)",
    ),
    *(
        "iptables-restore /tmp/x",
        "python3 -c 1",
        "bash",
        "eval ip route",
        "ip route # ; ip rule\nip rule",
        "'",
        "A=1 ip route",
    ),
)


@pytest.mark.parametrize("command", LOOKS)
def test_look_is_simple_and_cheap(command: str) -> None:
    assert not writes(simple_command(command))


@pytest.mark.parametrize("command", CHANGES)
def test_change_is_simple_and_costs(command: str) -> None:
    assert writes(simple_command(command))


@pytest.mark.parametrize("command", SCRIPTS)
def test_script_is_refused_with_a_reason(command: str) -> None:
    with pytest.raises(InvalidAction) as refused:
        simple_command(command)
    assert "\n" not in str(refused.value)
