"""The network and its state in words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

import numpy as np
from numpy.typing import NDArray

from infraray.emulators.network.topology import PLAIN_MTU, Segment, Topology
from infraray.repair.words import one_line
from infraray.scenarios.routing.healthy import routes

MAX_OUTPUT_CHARACTERS = 6000
"""Characters of a command's output shown to an agent; of longer ones, the beginning and the end."""

REACHING = "Who reaches whom:"
"""The line that begins what changes from step to step."""


@dataclass(frozen=True)
class Executed:
    """A command that was run, and its result.

    Args:
        machine: the machine it ran on.
        command: its text.
        ending: how it ended, in words.
        output: its output, printable and bounded.
        failing: pairs that fail after it.
        lost: pairs that it disconnected.
    """

    machine: str
    command: str
    ending: str
    output: str
    failing: int
    lost: int


def describe_topology(topology: Topology) -> str:
    """Describes every machine, address and route of the intact network, in the text that `topology_shown` reads."""
    lines = []
    for (router, *hosts), segment in zip(topology.members, topology.segments, strict=True):
        first, *others = segment
        mtu = "" if first.mtu == PLAIN_MTU else f", MTU {first.mtu}"
        if hosts and hosts[0] in topology.hosts:
            members = ", ".join(f"{host.machine} {host.ip} ({host.name})" for host in others)
            lines.append(
                f"Subnet {first.network}{mtu}: router {router} has {first.ip} on {first.name}; hosts {members}; "
                f"their default route is via {first.ip}."
            )
        else:
            far = others[0]
            lines.append(
                f"Link {first.network}{mtu}: {router} has {first.ip} on {first.name}, "
                f"{far.machine} has {far.ip} on {far.name}."
            )
    for router in topology.routers:
        static = [route.spec for route in routes(topology, router) if route.static]
        if static:
            lines.append(f"Static routes of {router}: {'; '.join(static)}.")
    return "\n".join(lines)


_SEGMENT = re.compile(r"^(?:Subnet|Link) (?P<network>[0-9./]+)(?:, MTU (?P<mtu>\d+))?: (?P<members>.*)$", re.MULTILINE)
_MEMBER = re.compile(
    r"(?P<machine>[hr]\d+) (?:has )?(?P<ip>[0-9.]+) (?:on (?P<on>[\w.-]+?)|\((?P<name>[\w.-]+)\))(?=[,;.]?(?:\s|$))"
)


def topology_shown(text: str, shape: Topology) -> Topology:
    """The topology in a text observation."""
    segments = []
    for found in _SEGMENT.finditer(text):
        members = list(_MEMBER.finditer(found["members"]))
        base = int(ip_network(found["network"]).network_address)
        numbers = tuple(int(ip_address(member["ip"])) - base for member in members)
        names = tuple(member["on"] or member["name"] for member in members)
        segments.append(Segment(found["network"], numbers, names, int(found["mtu"] or PLAIN_MTU)))
    return Topology(shape.num_subnets, shape.hosts_per_subnet, shape.num_routers, tuple(segments))


def describe_pingmesh(machines: Sequence[str], reaches: NDArray[np.bool_]) -> str:
    """One line per machine: the machines it reaches, or does not, whichever list is shorter."""
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


def describe_shortfall(machines: Sequence[str], flows: NDArray[np.bool_] | None) -> list[str]:
    """Lines about the pairs that answer pings but do not carry all traffic; empty if that was not measured."""
    if flows is None or flows.all():
        return []
    return [
        "Not everything comes through, whole and for good (UDP, TCP, packets of full length, no loss, addresses that "
        "stay). What does:",
        describe_pingmesh(machines, flows),
    ]


def describe_command(step: Executed) -> str:
    """One line: where, what, how it ended and its effect on the pings."""
    lost = f", {step.lost} of them worked before" if step.lost else ""
    return f"{step.machine}: {one_line(step.command)} ({step.ending}); {step.failing} pairs fail{lost}"


def describe_output(number: int, last: Executed) -> str:
    """Describes the output of the last command, in the text that `output_shown` reads."""
    return f"Output of command {number} on {last.machine} ({last.ending}):\n{last.output or '(none)'}"


def output_shown(text: str) -> str:
    """The output in a text observation, empty if there is none."""
    shown = re.search(r"^Output of command \d+ on \S+ \([^)\n]*\):\n", text, re.MULTILINE)
    return text[shown.end() :] if shown else ""
