"""The expert: inspects one router after another and restores what is wrong.

It knows what every agent sees: the plan of the intact network, pings and outputs. It begins with the router on the
path of most failing pairs, takes one look at a time, and undoes whatever separates machines as soon as it sees it.
"""

from __future__ import annotations

import json

import numpy as np
from numpy.typing import NDArray

from infraray.agents.agent import Briefing, ScriptedAgent, register_agent
from infraray.emulators.network.topology import Topology
from infraray.errors import InfrarayError
from infraray.observation import Observation
from infraray.scenarios.routing.actions import DONE
from infraray.scenarios.routing.looks import LOOKS, ROUTES, RULES
from infraray.scenarios.routing.parameters import RoutingParameters
from infraray.scenarios.routing.words import output_shown, topology_shown

ROUNDS = 2
"""Times it inspects everything before it gives up."""


@register_agent("expert", scenario="routing")
class Expert(ScriptedAgent):
    """Looks, repairs and moves on."""

    def reset(self, briefing: Briefing) -> None:
        """Forgets what was seen."""
        super().reset(briefing)
        assert isinstance(briefing.parameters, RoutingParameters)
        self.shape = briefing.parameters.shape
        self.rounds = 0
        self.looks: list[tuple[str, int]] = []
        self.looked: tuple[str, int] | None = None
        self.repairs: list[str] = []

    def act(self, observation: Observation) -> str:
        """Answers with JSON; needs the text of the observation."""
        if "text_observation" not in observation:
            raise InfrarayError("scripted:expert reads the outputs of commands; it cannot play with text=False")
        topology = topology_shown(observation["text_observation"], self.shape)
        if self.looked is not None:
            (router, number), self.looked = self.looked, None
            output = output_shown(observation["text_observation"])
            self.repairs = [say(router, repair) for repair in LOOKS[number].repairs(topology, router, output)]
            if self.repairs and number == RULES:
                self.looks.insert(0, (router, ROUTES))
        if self.repairs:
            return self.repairs.pop(0)
        if not self.looks:
            self.rounds += 1
            if self.rounds > ROUNDS:
                return say(topology.routers[0], DONE)
            routers = suspects(topology, observation.pingmesh)
            self.looks = [(router, number) for router in routers for number in range(len(LOOKS))]
        self.looked = self.looks.pop(0)
        router, number = self.looked
        return say(router, LOOKS[number].command)


def say(machine: str, command: str) -> str:
    """An answer."""
    return json.dumps({"machine": machine, "command": command})


def suspects(topology: Topology, pingmesh: NDArray[np.float64]) -> list[str]:
    """The routers, starting with the one on the path of the largest share of failing pairs."""
    position = {router: index for index, router in enumerate(topology.routers)}
    for host in topology.hosts:
        position[host] = position[topology.router_of(topology.subnet(host))]
    failing = np.zeros(len(topology.routers))
    passing = np.zeros(len(topology.routers))
    reaches = pingmesh.reshape(len(topology.machines), -1)
    for source, one in enumerate(topology.machines):
        for target, other in enumerate(topology.machines):
            both = one in topology.hosts and other in topology.hosts
            if source == target or (both and topology.subnet(one) == topology.subnet(other)):
                continue
            low, high = sorted((position[one], position[other]))
            passing[low : high + 1] += 1
            failing[low : high + 1] += reaches[source, target] == 0
    shares = failing / passing
    return sorted(topology.routers, key=lambda router: -shares[position[router]])
