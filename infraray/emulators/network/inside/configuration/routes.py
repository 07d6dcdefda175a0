"""Routes of all tables, next-hop objects, and policy rules."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

from infraray.emulators.inside.netlink import Message

from .values import address, in_order, number, others

TO, INTERFACE, VIA, METRIC, SOURCE, MULTIPATH, CACHE, TABLE, EXPIRES = 1, 4, 5, 6, 7, 9, 12, 15, 23
CLONED, ONLINK = 0x200, 0x4
"""Flags of a route: cached; a next hop that needs no route itself."""

NEXTHOP_INTERFACE = 5
RULE_TO, RULE_FROM, RULE_PREFERENCE = 1, 2, 6


def routes(messages: Sequence[Message], names: Mapping[int, str]) -> list[dict[str, Any]]:
    """All routes except learned ones.

    Args:
        messages: the answer to RTM_GETROUTE.
        names: names of the interfaces.
    """
    found = []
    for header, route in messages:
        family, prefix, source_prefix, tos, table, protocol, scope, kind, flags = struct.unpack("=BBBBBBBBI", header)
        if flags & CLONED:
            continue
        entry: dict[str, Any] = {
            "to": f"{address(route.pop(TO, bytes(4 if family == 2 else 16)))}/{prefix}",
            "table": number(route.pop(TABLE)) if TABLE in route else table,
            "interface": names.get(number(route.pop(INTERFACE)), "") if INTERFACE in route else "",
            "via": address(route.pop(VIA)) if VIA in route else "",
            "source": address(route.pop(SOURCE)) if SOURCE in route else "",
            "metric": number(route.pop(METRIC)) if METRIC in route else 0,
            "protocol": protocol,
            "scope": scope,
            "kind": kind,
            "on_link": bool(flags & ONLINK),
        }
        cache = route.pop(CACHE, bytes(12))
        if EXPIRES in route or struct.unpack_from("=i", cache, 8)[0]:
            entry["temporary"] = True
            route.pop(EXPIRES, None)
        if source_prefix or tos:
            entry["from_prefix"], entry["tos"] = source_prefix, tos
        if MULTIPATH in route:
            entry["nexthops"] = _nexthops(route.pop(MULTIPATH), names)
        found.append({**entry, **others(route)})
    return in_order(found)


def _nexthops(data: bytes, names: Mapping[int, str]) -> list[str]:
    """The next hops of a multipath route: interface, weight, flags set by hand, and attributes."""
    found = []
    while len(data) >= 8:
        length, flags, hops, index = struct.unpack_from("=HBBi", data)
        found.append(f"{names.get(index, index)} {hops} {flags & ONLINK} {data[8:length].hex()}")
        data = data[max(8, (length + 3) & ~3) :]
    return found


def nexthops(messages: Sequence[Message], names: Mapping[int, str]) -> list[dict[str, Any]]:
    """Next-hop objects from RTM_GETNEXTHOP; see `routes`."""
    found = []
    for header, entry in messages:
        family, scope, protocol, flags = struct.unpack("=BBBxI", header)
        interface = entry.pop(NEXTHOP_INTERFACE, b"")
        found.append(
            {
                "interface": names.get(number(interface), "") if interface else "",
                "family": family,
                "scope": scope,
                "protocol": protocol,
                "on_link": bool(flags & ONLINK),
                **others(entry),
            }
        )
    return in_order(found)


def rules(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """All policy rules from RTM_GETRULE."""
    found = []
    for header, rule in messages:
        family, to_prefix, from_prefix, tos, table, _, _, action, flags = struct.unpack("=BBBBBBBBI", header)
        entry = {
            "preference": number(rule.pop(RULE_PREFERENCE)) if RULE_PREFERENCE in rule else 0,
            "to": f"{address(rule.pop(RULE_TO, bytes(4)))}/{to_prefix}",
            "from": f"{address(rule.pop(RULE_FROM, bytes(4)))}/{from_prefix}",
            "table": number(rule.pop(TABLE)) if TABLE in rule else table,
            "family": family,
            "action": action,
            "tos": tos,
            "flags": flags & ~DETACHED,
        }
        found.append({**entry, **others(rule)})
    return in_order(found)


DETACHED = 0x8 | 0x10
"""Flags of a rule whose interface is currently missing."""
