"""The best that is possible without looking: writes the plan, one setting after another.

Reads only the plan of the intact network. Sets forwarding, then each router's interfaces, MTUs, addresses and routes,
none of which harms settings that are already right. It leaves filters and policy rules alone, since only a look could
tell which of them are wrong, and clearing all of them is harm.
"""

from __future__ import annotations

from infraray.agents.agent import Briefing, ScriptedAgent, register_agent
from infraray.emulators.network.topology import Topology
from infraray.errors import InfrarayError
from infraray.observation import Observation
from infraray.scenarios.routing.baselines.expert import say
from infraray.scenarios.routing.healthy import interfaces_of, routes
from infraray.scenarios.routing.parameters import RoutingParameters
from infraray.scenarios.routing.words import topology_shown


@register_agent("constant", scenario="routing")
class Constant(ScriptedAgent):
    """Writes the plan and stops."""

    def reset(self, briefing: Briefing) -> None:
        """Starts again from the beginning."""
        super().reset(briefing)
        assert isinstance(briefing.parameters, RoutingParameters)
        self.shape = briefing.parameters.shape
        self.left: list[str] | None = None

    def act(self, observation: Observation) -> str:
        """Answers with JSON; reads the plan in the first observation's text."""
        if "text_observation" not in observation:
            raise InfrarayError("scripted:constant reads the plan of the network; it cannot play with text=False")
        if self.left is None:
            self.left = settings(topology_shown(observation["text_observation"], self.shape))
        return self.left.pop(0) if self.left else say(self.shape.routers[0], "done")


def settings(topology: Topology) -> list[str]:
    """The answers that write everything the plan says about the routers."""
    answers = [say(router, "sysctl -w net.ipv4.ip_forward=1") for router in topology.routers]
    for router in topology.routers:
        interfaces = interfaces_of(topology, router)
        answers += [say(router, f"ip link set {interface.name} up") for interface in interfaces]
        answers += [say(router, f"ip link set {interface.name} mtu {interface.mtu}") for interface in interfaces]
        answers += [say(router, f"ip addr add {one.address} brd + dev {one.name}") for one in interfaces]
        answers += [say(router, f"ip route replace {route.spec}") for route in routes(topology, router)]
    return answers
