"""Forwarding of bridges that somebody makes on a machine: groups entered by hand, and VLANs."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

from infraray.emulators.inside.netlink import Message, attribute_list

from .values import in_order

MDB, AF_SPEC = 1, 26
PERMANENT = 1
ENTRY_BYTES = 28
"""struct br_mdb_entry: interface, state, flags, VLAN, address and its protocol."""


def forwarding(messages: Sequence[Message], names: Mapping[int, str]) -> list[dict[str, Any]]:
    """Multicast groups.

    Args:
        messages: the answer to RTM_GETMDB.
        names: names of the interfaces.
    """
    found = []
    for _, bridge in messages:
        for _, group in attribute_list(bridge.get(MDB, b"")):
            for _, entry in attribute_list(group):
                index, state = struct.unpack_from("=iB", entry)
                if state == PERMANENT:
                    port = names.get(index, str(index))
                    found.append({"interface": port, "group": entry[4:ENTRY_BYTES].hex()})
    return in_order(found)


def vlans(messages: Sequence[Message], names: Mapping[int, str]) -> list[dict[str, Any]]:
    """VLANs of bridge ports from RTM_GETLINK; see `forwarding`."""
    return in_order(
        [
            {"interface": names.get(struct.unpack_from("=i", header, 4)[0], ""), "vlans": port[AF_SPEC].hex()}
            for header, port in messages
            if AF_SPEC in port
        ]
    )
