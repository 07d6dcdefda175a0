"""A look at a router: one command, and what its output says."""

from __future__ import annotations

from dataclasses import dataclass

SEPARATOR = "---"

LOOK = f"; echo {SEPARATOR}; ".join(
    [
        "ip -4 -o addr show | awk '{print $2, $4}'",
        # Whether a cable carries anything is left out: the kernel takes its time to notice.
        "ip -o link show up | awk '{print $2, $5}'",
        "ip route | sed 's/ linkdown//'",
        "ip rule",
        "iptables -S",
        "sysctl -n net.ipv4.ip_forward",
        "tc qdisc show | awk '/netem/'",
    ]
)
"""Addresses, interfaces that are up with their MTU, routes, rules, filters, forwarding, delays."""


@dataclass(frozen=True)
class RouterLook:
    """What a router is configured like.

    Args:
        addresses: (interface, address with prefix) pairs.
        mtus: of the interfaces that are up, in bytes.
        routes: the lines of the main table.
        rules: (preference, rest) pairs.
        filters: the lines of iptables.
        forwards: whether it forwards at all.
        delayed: interfaces that hold packets back.
    """

    addresses: tuple[tuple[str, str], ...]
    mtus: dict[str, int]
    routes: tuple[str, ...]
    rules: tuple[tuple[str, str], ...]
    filters: tuple[str, ...]
    forwards: bool
    delayed: tuple[str, ...]

    @classmethod
    def read(cls, output: str) -> RouterLook:
        """Reads the output of `LOOK`."""
        sections: list[list[str]] = [[]]
        # Not splitlines(), which also ends lines at characters that a rule's comment may hold.
        for line in output.split("\n"):
            if line.strip() == SEPARATOR:
                sections.append([])
            elif line.strip():
                sections[-1].append(" ".join(line.split()))
        addresses, links, routes, rules, filters, forwarding, delays = sections
        return cls(
            tuple((line.split()[0], line.split()[1]) for line in addresses),
            {line.split()[0].split("@")[0].rstrip(":"): int(line.split()[1]) for line in links},
            tuple(routes),
            tuple((preference, rest) for preference, _, rest in (line.partition(": ") for line in rules)),
            tuple(filters),
            forwarding == ["1"],
            tuple(line.split(" dev ")[1].split()[0] for line in delays),
        )
