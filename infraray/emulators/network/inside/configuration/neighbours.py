"""Neighbours and forwarding entries entered by hand, without learned ones."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

from infraray.emulators.inside.netlink import NTF_PROXY, NUD_PERMANENT, Message

from .values import address, in_order, others

DESTINATION, LINK_ADDRESS, CACHE, PROBES = 1, 2, 3, 4
NTF_MASTER, NTF_STICKY, NTF_EXT_LEARNED = 0x04, 0x40, 0x10
NTF_BY_HAND = NTF_PROXY | NTF_MASTER | NTF_STICKY | NTF_EXT_LEARNED


def neighbours(messages: Sequence[Message], names: Mapping[int, str]) -> list[dict[str, Any]]:
    """Entries of IPv4 and IPv6, or of bridges.

    Args:
        messages: the answer to RTM_GETNEIGH.
        names: names of the interfaces.
    """
    found = []
    for header, neighbour in messages:
        family, index, state, flags, kind = struct.unpack("=BxxxiHBB", header)
        if state & NUD_PERMANENT or flags & NTF_BY_HAND & ~NTF_MASTER:
            destination = neighbour.pop(DESTINATION, b"")
            found.append(
                {
                    "interface": names.get(index, str(index)),
                    "address": address(destination) if len(destination) in (4, 16) else destination.hex(":"),
                    "link_address": neighbour.pop(LINK_ADDRESS, b"").hex(":"),
                    "proxy": bool(flags & NTF_PROXY),
                    "family": family,
                    "flags": flags,
                    "kind": kind,
                    **others(neighbour, (CACHE, PROBES)),
                }
            )
    return in_order(found)
