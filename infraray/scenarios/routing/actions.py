"""Actions: a machine and a command for it, as a space and in written form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gymnasium import spaces

from infraray.answers import Option, Record, Text
from infraray.emulators.network.topology import Topology
from infraray.environment import TEXT_CHARACTERS
from infraray.scenarios.routing.healthy import router_interfaces, routes

DONE = "done"
"""The command that ends the episode; a reserved word of the shell, so not a real command."""

MAX_COMMAND_CHARACTERS = 4000

LOOKS = ("ip -4 -o addr show", "ip route", "ip rule", "iptables -S", "sysctl net.ipv4.ip_forward")


class Commands(spaces.Dict):
    """``machine``, an index into the topology's machines, and ``command``, any printable text except blanks.

    Samples are commands that make sense: looks at a router's configuration and changes to it, for better or worse.
    Random characters would say nothing about chance in this scenario.
    """

    def __init__(self, topology: Topology) -> None:
        super().__init__(
            {
                "machine": spaces.Discrete(len(topology.machines)),
                "command": spaces.Text(MAX_COMMAND_CHARACTERS, min_length=1, charset=TEXT_CHARACTERS),
            }
        )
        self.suit(topology)

    def suit(self, topology: Topology) -> None:
        """Makes samples use the task's own names and addresses."""
        self.sensible = _sensible_commands(topology)

    def sample(self, *_: Any, **__: Any) -> dict[str, Any]:
        """Draws one of the sensible commands."""
        machine, command = self.sensible[int(self.np_random.integers(len(self.sensible)))]
        return {"machine": machine, "command": command}

    def contains(self, x: Any) -> bool:
        """Whether ``x`` has a machine, and a command that is not blank."""
        return bool(super().contains(x)) and bool(x["command"].strip())


class CommandForm(Record):
    """``{"machine": "r0", "command": "ip route"}``, or the word `DONE`, which needs no machine."""

    @classmethod
    def of(cls, topology: Topology) -> CommandForm:
        """The form for the machines of a topology."""
        machines = topology.machines
        done = {"machine": len(machines) - 1, "command": DONE}
        command = Text("command", MAX_COMMAND_CHARACTERS, TEXT_CHARACTERS, sample="ip route")
        return cls((Option("machine", tuple(machines)), command), words={DONE: done})

    def complete(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The native action."""
        command = given.get("command")
        if isinstance(command, str) and command.strip() == DONE and given.get("machine") is None:
            return dict(self.words[DONE])
        return super().complete(given)


def _sensible_commands(topology: Topology) -> list[tuple[int, str]]:
    found = []
    for router in topology.routers:
        commands = [*LOOKS, "iptables -F", "iptables -P FORWARD ACCEPT", "iptables -P FORWARD DROP"]
        commands += [f"sysctl -w net.ipv4.ip_forward={value}" for value in (0, 1)]
        for interface in router_interfaces(topology):
            if interface.machine == router:
                commands += [
                    f"ip link set {interface.name} up",
                    f"ip link set {interface.name} mtu {interface.mtu}",
                    f"ip addr add {interface.address} brd + dev {interface.name}",
                    f"ip addr flush dev {interface.name}",
                ]
        for route in routes(topology, router):
            commands += [f"ip route replace {route.spec}", f"ip route del {route.destination}"]
        found += [(topology.machines.index(router), command) for command in commands]
    return found
