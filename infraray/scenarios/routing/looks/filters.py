"""The filters of iptables."""

from __future__ import annotations

import shlex
from ipaddress import ip_network

from infraray.emulators.network.topology import Topology

REFUSES = ("DROP", "REJECT")
NARROW = ("--dport", "--sport", "--dports", "--sports", "--ctstate", "!", "-m")
"""Words that mark a filter as one for a service or a kind of packet that the network's machines need not send."""


def repairs(topology: Topology, router: str, output: str) -> list[str]:
    """The commands that remove the filters that separate machines of the network.

    If the default is to drop, and filters accept what comes from the network itself, that is intended.
    """
    lines = [shlex.split(line) for line in output.split("\n") if line.startswith(("-A ", "-P "))]
    accepting = {words[1] for words in lines if words[0] == "-A" and words[-1] == "ACCEPT"}
    commands = []
    for words in lines:
        if words[0] == "-P" and words[2] == "DROP" and words[1] not in accepting:
            commands.append(f"iptables -P {words[1]} ACCEPT")
        elif words[0] == "-A" and _keeps_apart(topology, words):
            commands.append(f"iptables -D {shlex.join(words[1:])}")
    return commands


def _keeps_apart(topology: Topology, words: list[str]) -> bool:
    """Whether a filter rejects everything that some machine of the network sends or receives."""
    target = words[words.index("-j") + 1] if "-j" in words else ""
    if target not in REFUSES or any(word in NARROW for word in words):
        return False
    for side in ("-s", "-d"):
        if side in words:
            network = ip_network(words[words.index(side) + 1], strict=False)
            if not any(network.overlaps(ip_network(segment[0].network)) for segment in topology.segments):
                return False
    return True
