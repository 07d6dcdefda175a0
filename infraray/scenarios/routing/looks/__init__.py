"""The looks that an expert takes at a router, one a file: a command, and the repairs that its output calls for.

A look's repairs are simple commands, each safe by itself: the right thing is added before the wrong one goes.
"""

from infraray.scenarios.routing.looks import addresses, delays, filters, forwarding, routes, rules
from infraray.scenarios.routing.looks.look import Look

LOOKS: tuple[Look, ...] = (
    Look("ip addr", addresses.repairs),
    Look("ip route", routes.repairs),
    Look("iptables -S", filters.repairs),
    Look("sysctl -n net.ipv4.ip_forward", forwarding.repairs),
    Look("ip rule", rules.repairs),
    Look("tc qdisc show", delays.repairs),
)
"""In the order in which they are taken: a route wants its address, an address its interface."""

__all__ = ["LOOKS", "Look"]
