"""The requirements of emulating networks, and optional features of the kernel."""

from __future__ import annotations

import functools

from infraray.emulators import requirements
from infraray.emulators.network.inside import mininet_package

PACKAGES = {
    "unshare": "util-linux",
    "ip": "iproute2",
    "tc": "iproute2",
    "iptables": "iptables",
    "iptables-save": "iptables",
}
"""The Debian and Ubuntu package of each required program."""

_NETWORK = (
    "ip link add s1 type bridge && ip link add v1 type veth peer name v2 && mount -t tmpfs tmpfs /run && iptables -S"
)


def problem() -> str | None:
    """Why this machine cannot emulate networks, in one line with the fix; None if it can."""
    return requirements.problem("networks", PACKAGES, set() if mininet_package.found() else {"mininet"}, _NETWORK)


@functools.cache
def features() -> frozenset[str]:
    """Optional features of this kernel: ``netem``, a queueing discipline that delays packets."""
    return frozenset({"netem"} if requirements.refusal("tc qdisc add dev lo root netem delay 1ms") is None else ())
