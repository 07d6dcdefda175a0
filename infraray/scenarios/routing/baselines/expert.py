"""The expert: looks at one router after the other and restores what is not as it should be.

Knows what the task's description says and sees what every agent sees: pings and outputs. Begins with
the router that most of the failing pairs have on their way, looks at it with one command, and undoes
all deviations with another.
"""

from __future__ import annotations

import json

import numpy as np
from numpy.typing import NDArray

from infraray.agents.agent import Briefing, ScriptedAgent, register_agent
from infraray.emulators.network import Topology
from infraray.errors import InfrarayError
from infraray.observation import Observation
from infraray.scenarios.routing.actions import DONE
from infraray.scenarios.routing.healthy import router_interfaces, routes
from infraray.scenarios.routing.parameters import RoutingParameters
from infraray.scenarios.routing.router_look import LOOK, RouterLook
from infraray.scenarios.routing.words import output_shown

MTU = 1500
RULES = (("0", "from all lookup local"), ("32766", "from all lookup main"), ("32767", "from all lookup default"))


@register_agent("expert", scenario="routing")
class Expert(ScriptedAgent):
    """Looks, repairs, goes on to the next router."""

    def reset(self, briefing: Briefing) -> None:
        """Forgets what was seen."""
        super().reset(briefing)
        assert isinstance(briefing.parameters, RoutingParameters)
        self.topology = briefing.parameters.topology
        self.suspects: list[str] = []
        self.looked_at: str | None = None
        self.rounds = 0

    def act(self, observation: Observation) -> str:
        """Answers with JSON; needs the text of the observation."""
        if "text_observation" not in observation:
            raise InfrarayError("scripted:expert reads the outputs of commands; it cannot play with text=False")
        if self.looked_at is not None:
            router, self.looked_at = self.looked_at, None
            repairs = find_repairs(
                self.topology, router, RouterLook.read(output_shown(observation["text_observation"]))
            )
            if repairs:
                return _say(router, "; ".join(repairs))
        if not self.suspects:
            self.rounds += 1
            if self.rounds > 2:
                return _say(self.topology.routers[0], DONE)
            self.suspects = suspects(self.topology, observation.pingmesh)
        self.looked_at = self.suspects.pop(0)
        return _say(self.looked_at, LOOK)


def _say(machine: str, command: str) -> str:
    return json.dumps({"machine": machine, "command": command})


def suspects(topology: Topology, pingmesh: NDArray[np.float64]) -> list[str]:
    """The routers, those first that have the largest share of failing pairs on their way."""
    position = {router: index for index, router in enumerate(topology.routers)}
    for host, interface in zip(topology.hosts, topology.interfaces, strict=False):
        position[host] = position[topology.router_of(int(interface.network.split(".")[2]))]
    failing = np.zeros(len(topology.routers))
    passing = np.zeros(len(topology.routers))
    reaches = pingmesh.reshape(len(topology.machines), -1)
    networks = {interface.machine: interface.network for interface in topology.interfaces}
    for source, one in enumerate(topology.machines):
        for target, other in enumerate(topology.machines):
            hosts_of_one_subnet = one in topology.hosts and other in topology.hosts and networks[one] == networks[other]
            if source == target or hosts_of_one_subnet:
                continue
            low, high = sorted((position[one], position[other]))
            passing[low : high + 1] += 1
            failing[low : high + 1] += reaches[source, target] == 0
    shares = failing / passing
    return sorted(topology.routers, key=lambda router: -shares[position[router]])


def find_repairs(topology: Topology, router: str, look: RouterLook) -> list[str]:
    """The commands that undo every deviation of a router; what depends on another repair comes after it."""
    interfaces = [interface for interface in router_interfaces(topology) if interface.machine == router]
    expected = routes(topology, router)
    repairs = [f"ip rule del pref {rule[0]} {rule[1]}" for rule in look.rules if rule not in RULES]
    for line in look.routes:
        # The kernel's own routes go with the address that they came with.
        if "proto kernel" not in line and line not in [route.spec for route in expected]:
            repairs.append(f"ip route del {line}")
    for interface in interfaces:
        if interface.name not in look.mtus:
            repairs.append(f"ip link set {interface.name} up")
        elif look.mtus[interface.name] != MTU:
            repairs.append(f"ip link set {interface.name} mtu {MTU}")
    for interface in interfaces:
        found = [address for name, address in look.addresses if name == interface.name]
        # The right address first: with its last address an interface loses its routes.
        if interface.address not in found:
            repairs.append(f"ip addr add {interface.address} brd + dev {interface.name}")
        repairs += [f"ip addr del {address} dev {interface.name}" for address in found if address != interface.address]
    repairs += [f"ip route replace {route.spec}" for route in expected if route.spec not in look.routes]
    for line in look.filters:
        if line.startswith("-A "):
            repairs.append(f"iptables -D {line.removeprefix('-A ')}")
        elif line.startswith("-P ") and not line.endswith(" ACCEPT"):
            repairs.append(f"iptables -P {line.split()[1]} ACCEPT")
    if not look.forwards:
        repairs.append("sysctl -w net.ipv4.ip_forward=1")
    return repairs + [f"tc qdisc del dev {name} root" for name in look.delayed]
