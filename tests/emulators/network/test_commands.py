"""Agents' commands in an emulated network: real there, nowhere else, and bounded."""

import os
from collections.abc import Iterator

import numpy as np
import pytest

from infraray.emulators.network.namespace_network import NamespaceNetwork
from infraray.emulators.network.topology import Topology
from infraray.errors import InvalidAction
from infraray.isolation import Limits, memory_group
from tests.emulators.live import needs_networks, wait_until

pytestmark = needs_networks


@pytest.fixture(scope="module")
def network() -> Iterator[NamespaceNetwork]:
    with NamespaceNetwork(Topology(2, 1), Limits(wall_s=1.5)) as live:
        yield live


@pytest.mark.parametrize(
    ("machine", "command", "shows"),
    [
        ("h1", "ip -brief address", "192.168.1.101/24"),
        ("h2", "ip route", "default via 192.168.2.1 dev h2-eth0"),
        ("r0", "sysctl net.ipv4.ip_forward", "net.ipv4.ip_forward = 1"),
        ("r0", "iptables -S", "-P FORWARD ACCEPT"),
        ("r0", "ifconfig r0-eth2", "192.168.2.1"),
        ("r0", "tc qdisc show dev r0-eth1", "noqueue"),
        ("h1", "ping -c 1 -W 1 192.168.2.101", "1 received"),
        ("h1", "cat /proc/net/route", "h1-eth0"),
    ],
)
def test_the_usual_diagnostics_show_the_machine(
    network: NamespaceNetwork, machine: str, command: str, shows: str
) -> None:
    result = network.run(machine, command)
    assert (result.exit_code, result.ended) == (0, None)
    assert shows in result.output


@pytest.mark.parametrize(
    ("breaks", "repairs"),
    [
        ("sysctl -w net.ipv4.ip_forward=0", "echo 1 > /proc/sys/net/ipv4/ip_forward"),
        ("ip link set r0-eth1 down", "ip link set r0-eth1 up"),
        ("iptables -A FORWARD -j DROP", "iptables -F FORWARD"),
        ("ip addr flush dev r0-eth2", "ip addr add 192.168.2.1/24 dev r0-eth2"),
        ("ip rule add prohibit pref 0", "ip rule del prohibit pref 0"),
    ],
)
def test_an_agent_can_break_and_repair(network: NamespaceNetwork, breaks: str, repairs: str) -> None:
    assert network.run("r0", breaks).exit_code == 0
    assert not network.pingmesh().all()
    assert network.run("r0", repairs).exit_code == 0
    assert network.pingmesh().all()


def test_a_command_that_hangs_is_ended_and_the_network_goes_on(network: NamespaceNetwork) -> None:
    result = network.run("r0", "echo before; sleep 100")
    assert (result.output, result.exit_code, result.ended) == ("before\n", None, "time")
    assert result.wall_s < 5
    assert network.pingmesh().all()


def test_what_a_command_leaves_in_the_background_has_ended_with_it(network: NamespaceNetwork) -> None:
    network.run("h1", "(setsid sh -c 'sleep 1; ip link set h1-eth0 down' >/dev/null 2>&1 &) ; true")
    assert not wait_until(lambda: not network.pingmesh().all(), seconds=1.5)


@pytest.mark.parametrize(
    "command",
    [
        "kill -9 1; kill -9 -1",
        "ip link del r0-eth1; ip link del r0-eth2",
        "ip link add name br0 type bridge; for i in 1 2 3; do ip link set r0-eth$i master br0; done",
        "nsenter --net=/proc/1/ns/net ip link; nsenter -t 1 -a true",
        "ip link set r0-eth1 netns 1",
        "umount -a; mount -t tmpfs none /; echo > /proc/sysrq-trigger",
        "for i in $(seq 300); do ip link add d$i type bridge; done",
        "iptables -P INPUT DROP; iptables -P OUTPUT DROP; iptables -P FORWARD DROP",
    ],
)
def test_a_network_that_an_agent_ruins_is_still_measured(command: str) -> None:
    with NamespaceNetwork(Topology(2, 2), Limits(wall_s=4)) as network:
        network.run("r0", command)
        first = network.pingmesh()
        assert np.array_equal(network.pingmesh(), first)
        assert first[:2, :2].all() and first[2:4, 2:4].all()
        assert set(network.snapshot()) == set(network.topology.machines)


def test_what_cannot_be_a_command_is_an_invalid_action(network: NamespaceNetwork) -> None:
    with pytest.raises(InvalidAction, match="machine='h9': there is none of that name"):
        network.run("h9", "true")
    with pytest.raises(InvalidAction, match="NUL"):
        network.run("h1", "echo \0")
    with pytest.raises(InvalidAction, match="at most"):
        network.run("h1", "x" * 1_000_000)
    assert network.run("h1", "true").exit_code == 0


# RTM_NEWROUTE, NLM_F_REQUEST | NLM_F_CREATE: a blackhole for each address of 10.0.0.0/8, in table 7. The kernel keeps
# some 100 bytes for each, in no process's memory.
ROUTES = """cat > /tmp/routes.py <<'END'
import socket, struct
kernel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
for start in range(0, 2_000_000, 500):
    kernel.send(b"".join(
        struct.pack("=IHHIIBBBBBBBBIHHI", 36, 24, 0x401, 0, 0, 2, 32, 0, 0, 7, 4, 0, 6, 0, 8, 1, socket.htonl(to))
        for to in range(0x0A000000 + start, 0x0A000000 + start + 500)
    ))
END
exec python3 /tmp/routes.py"""


def test_what_the_kernel_keeps_for_a_network_counts_for_the_command_that_asked_for_it() -> None:
    group = memory_group.make(2**26)
    if group is None or group.folder is None:
        pytest.skip("no memory cgroup can be made here")
    group.close()
    with NamespaceNetwork(Topology(2, 1), Limits(wall_s=30, cpu_s=30, memory_bytes=2**25)) as network:
        assert network.run("r0", ROUTES).ended == "memory"
        assert network.run("r0", "ip route show table 7 | head -n 1").output.startswith("blackhole 10.0.0.0 ")
        assert list(group.folder.parent.glob(f"{memory_group.PREFIX}{os.getpid()}-*")) == []
