"""Makes the kernel forget tracked connections, so that no answer from before a change outlives it.

An established connection is not asked again whether it may be, and a datagram that reuses a flow's ports counts as part
of it. Once forgotten, its next packet is new, and what is in force now decides.

Source: ctnetlink, ``include/uapi/linux/netfilter/nfnetlink_conntrack.h``.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Set

from infraray.emulators.inside.netlink import NETFILTER, Netlink, attribute, attributes

IPCTNL_MSG_CT_GET, IPCTNL_MSG_CT_DELETE, IPCTNL_MSG_CT_GET_STATS = (1 << 8) | 1, (1 << 8) | 2, (1 << 8) | 5
CTA_STATS_GLOBAL_ENTRIES = 1
CTA_TUPLE_ORIG, CTA_TUPLE_REPLY, CTA_ID = 1, 2, 12
CTA_TUPLE_IP, CTA_IP_V4_SRC, CTA_IP_V4_DST = 1, 1, 2
NLA_F_NESTED = 0x8000

_HEADER = struct.pack("=BBH", socket.AF_INET, 0, 0)


class Conntrack:
    """The tracked connections of the network in which the calling thread is when this is made."""

    def __init__(self) -> None:
        self._netlink = Netlink(NETFILTER)

    def forget(self, addresses: Set[str]) -> None:
        """Forgets all connections from and to some addresses."""
        _, statistics = self._netlink.ask(IPCTNL_MSG_CT_GET_STATS, _HEADER, len(_HEADER))
        if statistics[CTA_STATS_GLOBAL_ENTRIES] == bytes(4):
            return  # a dump walks through a table of the whole computer
        wanted = {socket.inet_aton(address) for address in addresses}
        for _, found in self._netlink.dump(IPCTNL_MSG_CT_GET, _HEADER):
            if wanted.isdisjoint(_ends(found)):
                continue
            body = _HEADER + attribute(CTA_TUPLE_ORIG | NLA_F_NESTED, found[CTA_TUPLE_ORIG])
            self._netlink.change(IPCTNL_MSG_CT_DELETE, body + attribute(CTA_ID, found[CTA_ID]), missing_ok=True)


def _ends(found: dict[int, bytes]) -> set[bytes]:
    """The four addresses of a connection, two of them before translation."""
    ends = set()
    for way in (CTA_TUPLE_ORIG, CTA_TUPLE_REPLY):
        addresses = attributes(attributes(found.get(way, b"")).get(CTA_TUPLE_IP, b""))
        ends |= {addresses.get(CTA_IP_V4_SRC, b""), addresses.get(CTA_IP_V4_DST, b"")}
    return ends - {b""}
