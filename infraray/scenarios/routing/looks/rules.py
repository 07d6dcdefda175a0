"""Policy rules."""

from __future__ import annotations

from ipaddress import ip_network

from infraray.emulators.network.topology import Topology

TABLES = ("local", "main", "default")


def repairs(topology: Topology, router: str, output: str) -> list[str]:
    """The commands that remove the rules that separate machines of the network."""
    inside = [ip_network(segment[0].network) for segment in topology.segments]
    commands = []
    for line in output.split("\n"):
        preference, colon, rest = line.partition(":")
        words = rest.split()
        if not colon or (len(words) > 1 and words[-2] == "lookup" and words[-1] in TABLES):
            continue
        selected = [ip_network(words[words.index(side) + 1]) for side in ("from", "to") if _selects(words, side)]
        if all(any(network.overlaps(other) for other in inside) for network in selected):
            commands.append(f"ip rule del pref {preference} {' '.join(words)}")
    return commands


def _selects(words: list[str], side: str) -> bool:
    return side in words and words[words.index(side) + 1] != "all"
