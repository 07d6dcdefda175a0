"""Traffic control: queueing disciplines other than the one that does nothing, with their classes and filters."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from infraray.emulators.inside.netlink import Message

from .values import in_order, others, text

KIND, OPTIONS = 1, 2
STATE = {3, 4, 7, 10, 11}
"""Attributes with statistics."""

ROOT, INGRESS = 0xFFFFFFFF, 0xFFFFFFF1
HTB_COUNTER = 4
"""Trailing bytes of htb's first option that count packets."""

NONE = "noqueue"


def disciplines(messages: Sequence[Message], names: Mapping[int, str]) -> list[dict[str, Any]]:
    """Queueing disciplines.

    Args:
        messages: the answer to RTM_GETQDISC.
        names: names of the interfaces.
    """
    found = []
    for header, discipline in messages:
        index, handle, parent = struct.unpack_from("=iII", header, 4)
        kind = text(discipline.pop(KIND))
        if kind != NONE:
            options = discipline.pop(OPTIONS, b"")
            if kind == "htb":
                options = options[: 24 - HTB_COUNTER] + options[24:]
            found.append(
                {
                    "interface": names.get(index, str(index)),
                    "kind": kind,
                    "handle": 0 if not handle & 0xFFFF and handle >> 31 else handle,  # the kernel numbers these
                    "parent": parent,
                    "options": options.hex(),
                    **others(discipline, STATE),
                }
            )
    return in_order(found)


def classes_and_filters(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """Classes and filters of interfaces with disciplines as shown by tc(8), without counters.

    Args:
        found: the disciplines in the caller's network namespace.
    """
    lines = []
    for interface in sorted({discipline["interface"] for discipline in found}):
        lines += [f"class show dev {interface}", f"filter show dev {interface}"]
        handles = [each["handle"] for each in found if each["interface"] == interface]
        lines += [f"filter show dev {interface} parent {handle >> 16:x}:" for handle in handles if handle]
        if any(each["parent"] == INGRESS for each in found if each["interface"] == interface):
            lines += [f"filter show dev {interface} {side}" for side in ("ingress", "egress")]
    if not lines:
        return []
    result = subprocess.run(
        ["tc", "-force", "-batch", "-"],
        input="\n".join(lines) + "\n",
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
        errors="backslashreplace",
        close_fds=False,
    )
    return [line.strip() for line in result.stdout.split("\n") if line.strip()]
