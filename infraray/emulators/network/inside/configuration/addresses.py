"""IPv4 and IPv6 addresses, and the labels by which IPv6 chooses among them."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

from infraray.emulators.inside.netlink import Message

from .values import address, in_order, number, others

ADDRESS, LOCAL, BROADCAST, CACHE, FLAGS = 1, 2, 4, 6, 8
FOREVER = 0xFFFFFFFF
"""The lifetime, in seconds, of an address that is valid forever."""

STATE = 0x04 | 0x08 | 0x20 | 0x40
"""Flags of an IPv6 address that is being checked for duplicates or is deprecated."""


def addresses(messages: Sequence[Message], names: Mapping[int, str]) -> list[dict[str, Any]]:
    """All addresses. A temporary one counts as a different one when its lifetime is set again.

    Args:
        messages: the answer to RTM_GETADDR.
        names: names of the interfaces.
    """
    found = []
    for header, entry in messages:
        family, prefix, flags, scope, index = struct.unpack("=BBBBI", header)
        preferred, valid, _, set_at = struct.unpack_from("=IIII", entry.pop(CACHE))
        peer = entry.pop(ADDRESS, b"")
        found.append(
            {
                "interface": names.get(index, str(index)),
                "address": f"{address(entry.pop(LOCAL, peer))}/{prefix}",
                "peer": address(peer),
                "broadcast": address(entry.pop(BROADCAST)) if BROADCAST in entry else "",
                "family": family,
                "scope": scope,
                "flags": (number(entry.pop(FLAGS)) if FLAGS in entry else flags) & ~STATE,
                "temporary": valid != FOREVER,
                "lifetime_set_at": 0 if valid == preferred == FOREVER else set_at,
                **others(entry),
            }
        )
    return in_order(found)


def labels(messages: Sequence[Message], names: Mapping[int, str]) -> list[dict[str, Any]]:
    """Address labels from RTM_GETADDRLABEL; see `addresses`."""
    found = []
    for header, entry in messages:
        _, prefix, _, index, _ = struct.unpack("=BxBBII", header)
        found.append({"interface": names.get(index, ""), "prefix": prefix, **others(entry)})
    return in_order(found)
