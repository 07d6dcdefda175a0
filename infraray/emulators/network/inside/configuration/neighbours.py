"""Neighbours and forwarding entries entered by hand, without learned ones."""

from __future__ import annotations

import struct
from collections.abc import Container, Mapping, Sequence
from typing import Any

from infraray.emulators.inside.netlink import NTF_PROXY, NUD_NOARP, NUD_PERMANENT, Attributes, Message

from .values import address, in_order, number, others

DESTINATION, LINK_ADDRESS, CACHE, PROBES, FURTHER_FLAGS = 1, 2, 3, 4, 15
NTF_EXT_MANAGED = 0x1
"""A further flag: an entry that the kernel keeps valid."""

GROUP = 0x01
"""The bit of an Ethernet address's first byte that makes it that of a group or of everybody."""
NTF_MASTER, NTF_STICKY, NTF_EXT_LEARNED = 0x04, 0x40, 0x10
NTF_BY_HAND = NTF_PROXY | NTF_MASTER | NTF_STICKY | NTF_EXT_LEARNED


def neighbours(
    messages: Sequence[Message], names: Mapping[int, str], without_arp: Container[str] = ()
) -> list[dict[str, Any]]:
    """Entries of IPv4 and IPv6, or of bridges.

    Args:
        messages: the answer to RTM_GETNEIGH.
        names: names of the interfaces.
        without_arp: those on which the kernel itself enters every neighbour, as valid forever.
    """
    found = []
    for header, neighbour in messages:
        family, index, state, flags, kind = struct.unpack("=BxxxiHBB", header)
        interface = names.get(index, str(index))
        lasting = state & NUD_PERMANENT or (
            state & NUD_NOARP and interface not in without_arp and not _is_of_group(neighbour)
        )
        managed = number(neighbour.get(FURTHER_FLAGS, b"")) & NTF_EXT_MANAGED
        if lasting or managed or flags & NTF_BY_HAND & ~NTF_MASTER:
            destination = neighbour.pop(DESTINATION, b"")
            found.append(
                {
                    "interface": interface,
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


def _is_of_group(neighbour: Attributes) -> bool:
    """Whether it is a group or everybody, whose link address the kernel derives itself."""
    return bool(number(neighbour.get(LINK_ADDRESS, b"")[:1]) & GROUP)
