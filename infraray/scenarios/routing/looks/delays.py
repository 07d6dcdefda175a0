"""Queueing disciplines that hold packets back."""

from __future__ import annotations

from infraray.emulators.network.topology import Topology


def repairs(topology: Topology, router: str, output: str) -> list[str]:
    """The commands that remove them."""
    lines = [line.split() for line in output.split("\n") if line.startswith("qdisc netem ")]
    return [f"tc qdisc del dev {words[words.index('dev') + 1]} root" for words in lines]
