"""An expert's looks at a router, one per file: a command, and the repairs that its output calls for.

A look's repairs are simple commands, each safe by itself: the right setting is added before the wrong one is removed.
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
"""The looks in order: a route needs its address, an address its interface."""

ROUTES, RULES = 1, 4
"""Positions of two of them: as long as a rule hides a route's gateway, the route cannot be added."""

__all__ = ["LOOKS", "ROUTES", "RULES", "Look"]
