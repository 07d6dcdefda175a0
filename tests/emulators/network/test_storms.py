"""What a command has built may not keep the computer busy when the command has ended."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest

from infraray.emulators.network.namespace_network import NamespaceNetwork
from infraray.emulators.network.topology import Topology
from infraray.errors import InfrarayError
from infraray.isolation import Limits
from tests.emulators.live import needs_networks

pytestmark = [needs_networks, pytest.mark.alone]

ON_THE_CABLE = """
    ip link add b1 type bridge && ip link set h1-eth0 master b1 && ip link set b1 up
    ip link add v1 type veth peer name w1 && ip link set v1 master b1 up && ip link set w1 master b1 up
"""
"""A loop that is still until somebody asks by broadcast."""

BROADCAST = "ping -c 1 -W 0.2 10.9.9.9; sleep 0.3; true"


def ring(bridges: int) -> str:
    """What joins bridges in a circle; two by two cables, one by a cable from itself to itself."""
    lines = [f"ip link add b{number} type bridge && ip link set b{number} up" for number in range(bridges)]
    for number in range(bridges):
        lines.append(f"ip link add v{number} type veth peer name w{number}")
        lines.append(f"ip link set v{number} master b{number} up")
        lines.append(f"ip link set w{number} master b{(number + 1) % bridges} up")
    return "\n".join([*lines, "ip address add 10.9.9.1/24 dev b0", BROADCAST])


def packets(network: NamespaceNetwork, machine: str) -> int:
    output = network.run(machine, "cat /proc/net/dev").output
    return sum(int(line.split()[2]) for line in output.splitlines()[2:])


def is_quiet(network: NamespaceNetwork) -> bool:
    before = {machine: packets(network, machine) for machine in network.topology.machines}
    began = time.monotonic()
    time.sleep(0.3)
    after = {machine: packets(network, machine) for machine in network.topology.machines}
    return all(after[machine] - before[machine] < 1000 * (time.monotonic() - began) for machine in before)


@pytest.mark.parametrize("machine", ["h1", "r0"])
@pytest.mark.parametrize("bridges", [1, 2, 3])
def test_a_storm_ends_with_its_command(bridges: int, machine: str) -> None:
    with NamespaceNetwork(Topology(2, 1), Limits(wall_s=20)) as network:
        assert network.run(machine, ring(bridges)).ended == "storm"
        assert is_quiet(network)
        assert network.run(machine, "echo goes on").output == "goes on\n"


def test_a_storm_that_breaks_out_after_its_command_ends_too() -> None:
    with NamespaceNetwork(Topology(2, 2), Limits(wall_s=20)) as network:
        network.run("h1", ON_THE_CABLE)
        with suppress(InfrarayError):  # "do the network's packets go round in circles?"
            network.pingmesh()
        time.sleep(3)  # nobody asks the network anything
        assert network.run("h1", "ip link show v1 up").output == ""
        assert is_quiet(network)


def test_a_busy_network_is_no_storm() -> None:
    with NamespaceNetwork(Topology(2, 1), Limits(wall_s=20)) as network:
        result = network.run("h1", "ping -q -c 2000 -i 0.0002 192.168.2.101 | grep -o ' 0% packet loss'")
        assert (result.exit_code, result.ended) == (0, None), result
        assert network.pingmesh().all()
