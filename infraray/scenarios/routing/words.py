"""The network and its state in words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from infraray.emulators.network import CommandResult, Topology
from infraray.environment import TEXT_CHARACTERS
from infraray.scenarios.routing.healthy import is_host_subnet, routes

MAX_OUTPUT_CHARACTERS = 6000
"""Of a command's output that an agent is shown; of a longer one the beginning and the end."""

MAX_HISTORY = 40
"""Commands of which an agent is reminded."""


@dataclass(frozen=True)
class Executed:
    """A command that was run, and what came of it.

    Args:
        machine: where.
        command: as it was written.
        ending: how it ended, in words.
        output: printable and bounded.
        failing: pairs that fail after it.
        lost: pairs that it cost.
    """

    machine: str
    command: str
    ending: str
    output: str
    failing: int
    lost: int


def describe_topology(topology: Topology) -> str:
    """Every machine, address and route of the whole network."""
    lines = []
    for router in topology.routers:
        for interface in topology.interfaces:
            if interface.machine != router or not is_host_subnet(interface):
                continue
            gateway = interface.address.split("/")[0]
            hosts = [
                f"{host.machine} {host.address.split('/')[0]}"
                for host in topology.interfaces
                if host.network == interface.network and host.machine != router
            ]
            lines.append(
                f"Subnet {interface.network}: router {router} has {gateway} on {interface.name}; "
                f"hosts {', '.join(hosts)}; their default route is via {gateway}."
            )
    for near, far in zip(topology.routers, topology.routers[1:], strict=False):
        for one in topology.interfaces:
            for other in topology.interfaces:
                if (one.machine, other.machine, one.network) == (near, far, other.network):
                    lines.append(
                        f"Link {one.network}: {near} has {one.address} on {one.name}, "
                        f"{far} has {other.address} on {other.name}."
                    )
    for router in topology.routers:
        static = [route.spec for route in routes(topology, router) if route.static]
        if static:
            lines.append(f"Static routes of {router}: {'; '.join(static)}.")
    return "\n".join(lines)


def describe_pingmesh(machines: Sequence[str], reaches: NDArray[np.bool_]) -> str:
    """A line a machine: whom it reaches, in the shorter way of the two."""
    lines = []
    for source, name in enumerate(machines):
        reached = [other for target, other in enumerate(machines) if target != source and reaches[source, target]]
        missed = [other for target, other in enumerate(machines) if target != source and not reaches[source, target]]
        if not missed:
            whom = "all"
        elif not reached:
            whom = "none"
        else:
            whom = f"only {' '.join(reached)}" if len(reached) < len(missed) else f"all but {' '.join(missed)}"
        lines.append(f"{name} -> {whom}")
    return "\n".join(lines)


def describe_ending(result: CommandResult) -> str:
    """How a command ended."""
    return f"ended: {result.ended}" if result.ended is not None else f"exit code {result.exit_code}"


def printable(output: str) -> str:
    """An output as an agent is shown it: without what stumbles terminals or JSON, and bounded."""
    shown = "".join(character if character in TEXT_CHARACTERS else "?" for character in output)
    if len(shown) <= MAX_OUTPUT_CHARACTERS:
        return shown
    tail = MAX_OUTPUT_CHARACTERS // 3
    left_out = len(shown) - MAX_OUTPUT_CHARACTERS
    return f"{shown[: MAX_OUTPUT_CHARACTERS - tail]}\n... {left_out} characters are left out ...\n{shown[-tail:]}"


def describe_history(executed: Sequence[Executed]) -> list[str]:
    """A line a command: where, what, how it ended and what it did to the pings."""
    lines = []
    first = max(0, len(executed) - MAX_HISTORY)
    if first:
        lines.append(f"({first} earlier ones are left out)")
    for number, step in enumerate(executed[first:], start=first + 1):
        lost = f", {step.lost} of them worked before" if step.lost else ""
        command = " ".join(step.command.split())
        shown = command if len(command) <= 200 else f"{command[:197]}..."
        lines.append(f"{number}. {step.machine}: {shown} ({step.ending}); {step.failing} pairs fail{lost}")
    return lines


def describe_output(number: int, last: Executed) -> str:
    """The output of the last command; the text that `output_shown` reads."""
    return f"Output of command {number} on {last.machine} ({last.ending}):\n{last.output or '(none)'}"


def output_shown(text: str) -> str:
    """The output in a text observation, empty where there is none."""
    shown = re.search(r"^Output of command \d+ on \S+ \([^)\n]*\):\n", text, re.MULTILINE)
    return text[shown.end() :] if shown else ""
