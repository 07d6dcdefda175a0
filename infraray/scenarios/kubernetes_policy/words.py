"""The application, its state and what was done, in words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from infraray.network_policies.pods import Protocol
from infraray.repair.words import one_line
from infraray.scenarios.kubernetes_policy.site import Application, Workload

MAX_OUTPUT_CHARACTERS = 16_000
"""Characters of a command's output shown to an agent; of longer ones, the beginning and the end."""

ATTEMPTS = "Attempts that do not end as intended:"
"""The line that begins what changes from step to step."""


@dataclass(frozen=True)
class Executed:
    """A command that was run, and its result.

    Args:
        command: its text.
        ending: how it ended, in words.
        output: its output, printable and bounded.
        wrong: attempts that are not as intended after it.
        lost: attempts that were as intended before it.
    """

    command: str
    ending: str
    output: str
    wrong: int
    lost: int


def describe_application(application: Application) -> str:
    """Describes everything that runs and every intended connection, in the text that `application_shown` reads."""
    lines = [
        "Workloads (each a deployment of one pod with the label app=NAME; a service of the same name if it listens):"
    ]
    for workload in application.workloads:
        listens = (
            "does not listen"
            if workload.port is None
            else (
                f"listens on {workload.protocol} port {workload.port} (named {workload.port_name}), its service on "
                f"{workload.service_port}"
            )
        )
        lines.append(f"- {workload.name} in namespace {workload.namespace}: {listens}")
    lines += ["", "Intended connections, source -> targets (to the targets' ports above, and to no other port):"]
    for workload in application.workloads:
        targets = application.targets_of(workload.name)
        lines.append(f"- {workload.name} -> {', '.join(targets) if targets else 'nobody'}")
    lines.append("")
    lines += [
        f"Everybody may connect to {name}, on any port, also from outside the application and the cluster."
        for name in application.entries
    ]
    if application.confined:
        lines.append(
            "Restricted in what they send, to their targets above and to names' resolution (port 53 of "
            "anybody, UDP and "
            f"TCP): {', '.join(sorted(application.confined))}."
        )
        lines.append(
            "All other workloads of the application may send anything to anybody, as far as that one lets it in."
        )
    else:
        lines.append("Every workload of the application may send anything to anybody, as far as that one lets it in.")
    return "\n".join(lines)


_WORKLOAD = re.compile(
    r"^- (?P<name>\S+) in namespace (?P<namespace>\S+): (?:does not listen|listens on (?P<protocol>\w+) port "
    r"(?P<port>\d+) "
    r"\(named (?P<port_name>\S+)\), its service on (?P<service_port>\d+))$",
    re.MULTILINE,
)
_FLOWS = re.compile(r"^- (?P<source>\S+) -> (?P<targets>.*)$", re.MULTILINE)
_ENTRY = re.compile(r"^Everybody may connect to (?P<name>\S+), on any port", re.MULTILINE)
_CONFINED = re.compile(r"^Restricted in what they send, .*: (?P<names>[^:\n]*)\.$", re.MULTILINE)


def application_shown(text: str) -> Application:
    """The application in a text observation."""
    workloads = [
        Workload(
            found["name"],
            found["namespace"],
            int(found["port"]) if found["port"] else None,
            int(found["service_port"] or 0),
            cast(Protocol, found["protocol"] or "TCP"),
            found["port_name"] or "grpc",
        )
        for found in _WORKLOAD.finditer(text)
    ]
    flows = {
        (found["source"], target)
        for found in _FLOWS.finditer(text)
        for target in found["targets"].split(", ")
        if target != "nobody"
    }
    confined = found["names"].split(", ") if (found := _CONFINED.search(text)) else []
    entries = frozenset(found["name"] for found in _ENTRY.finditer(text))
    return Application(tuple(workloads), frozenset(flows), entries, workloads[-1].name, frozenset(confined))


def describe_mismatches(
    application: Application, intended: NDArray[np.bool_], actual: NDArray[np.bool_]
) -> Iterator[str]:
    """One line per attempt that did not end as intended."""
    for (source, target), wanted, found in zip(application.attempts, intended, actual, strict=True):
        if wanted != found:
            yield (
                f"{source.name} -> {target.place}/{target.protocol} "
                f"(intended: {'connects' if wanted else 'does not connect'}; it {'connects' if found else 'does not'})"
            )


def describe_command(step: Executed) -> str:
    """One line: what, how it ended and its effect on the attempts."""
    lost = f", {step.lost} of them as intended before" if step.lost else ""
    return f"{one_line(step.command)} ({step.ending}); {step.wrong} attempts are not as intended{lost}"


def describe_output(number: int, last: Executed) -> str:
    """Describes the output of the last command, in the text that `output_shown` reads."""
    return f"Output of command {number} ({last.ending}):\n{last.output or '(none)'}"


def output_shown(text: str) -> str:
    """The output in a text observation, empty if there is none."""
    shown = re.search(r"^Output of command \d+ \([^)\n]*\):\n", text, re.MULTILINE)
    return text[shown.end() :] if shown else ""
