"""Just enough of netlink(7) to read a network namespace's configuration, to forget its neighbours and to silence it."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator

ROUTE, NETFILTER = 0, 12
"""Protocols of a netlink socket."""

NLMSG_ERROR, NLMSG_DONE = 2, 3
NLM_F_REQUEST, NLM_F_DUMP, NLM_F_DUMP_INTR = 0x1, 0x300, 0x10

RTM_NEWLINK, RTM_GETLINK, RTM_GETADDR, RTM_GETROUTE = 16, 18, 22, 26
RTM_DELNEIGH, RTM_GETNEIGH = 29, 30
RTM_GETRULE, RTM_GETQDISC, RTM_GETNEIGHTBL = 34, 38, 66
NFT_GETTABLE = 10 << 8 | 1

NUD_NOARP, NUD_PERMANENT = 0x40, 0x80
NTF_PROXY = 0x08
NDA_DST, NDTA_STATS = 1, 7
IFLA_STATS64, IFF_UP = 23, 0x1

Attributes = dict[int, bytes]


class Netlink:
    """A socket into the network namespace that the calling process is in; it stays there.

    Args:
        protocol: `ROUTE` or `NETFILTER`.
    """

    def __init__(self, protocol: int) -> None:
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol)
        self.socket.bind((0, 0))
        self.sequence = 0

    def dump(self, kind: int, header: bytes) -> list[tuple[bytes, Attributes]]:
        """All objects of a kind, as (fixed header as long as ``header``, attributes) pairs.

        Raises:
            OSError: the kernel refuses, or the objects changed during eight attempts to read them.
        """
        for _ in range(8):
            self.sequence += 1
            self._send(kind, NLM_F_REQUEST | NLM_F_DUMP, header)
            found, whole = self._receive(len(header))
            if whole:
                return found
        raise OSError("the network's configuration changes faster than it can be read")

    def forget_neighbours(self) -> None:
        """Empties the ARP cache but for what was entered by hand."""
        messages = b""
        for header, attributes in self.dump(RTM_GETNEIGH, bytes([socket.AF_INET]) + bytes(11)):
            state, flags = struct.unpack_from("=HB", header, 8)
            if not (state & (NUD_PERMANENT | NUD_NOARP) or flags & NTF_PROXY) and NDA_DST in attributes:
                address = attributes[NDA_DST]
                body = header + struct.pack("=HH", 4 + len(address), NDA_DST) + address
                messages += struct.pack("=IHHII", 16 + len(body), RTM_DELNEIGH, NLM_F_REQUEST, 0, 0) + body
        if messages:
            # What is gone by itself meanwhile gives an error with sequence 0, which no one waits for.
            self.socket.send(messages)

    def neighbour_table_overflows(self) -> int:
        """How often the ARP cache, which all of the machine's namespaces share, was full."""
        overflows = 0
        for _, attributes in self.dump(RTM_GETNEIGHTBL, bytes([socket.AF_INET]) + bytes(3)):
            if NDTA_STATS in attributes:
                overflows += struct.unpack("=11Q", attributes[NDTA_STATS][:88])[10]
        return overflows

    def packets(self) -> int:
        """How many all links together have received and sent."""
        counted = 0
        for _, found in self.dump(RTM_GETLINK, bytes(16)):
            counted += sum(struct.unpack_from("=2Q", found.get(IFLA_STATS64, bytes(16))))
        return counted

    def take_links_down(self) -> None:
        """Stops all links; they forget their routes and neighbours."""
        for header, _ in self.dump(RTM_GETLINK, bytes(16)):
            (index,) = struct.unpack_from("=i", header, 4)
            self._send(RTM_NEWLINK, NLM_F_REQUEST, struct.pack("=BxHiII", 0, 0, index, 0, IFF_UP))

    def _send(self, kind: int, flags: int, body: bytes) -> None:
        self.socket.send(struct.pack("=IHHII", 16 + len(body), kind, flags, self.sequence, 0) + body)

    def _receive(self, header_length: int) -> tuple[list[tuple[bytes, Attributes]], bool]:
        """The answer to the last request, and whether it is of one moment."""
        found: list[tuple[bytes, Attributes]] = []
        whole = True
        while True:
            data = self.socket.recv(1 << 18)
            position = 0
            while position + 16 <= len(data):
                length, kind, flags, sequence, _ = struct.unpack_from("=IHHII", data, position)
                body = data[position + 16 : position + length]
                position += (length + 3) & ~3
                if sequence != self.sequence:
                    continue
                whole = whole and not flags & NLM_F_DUMP_INTR
                if kind == NLMSG_DONE:
                    return found, whole
                if kind == NLMSG_ERROR:
                    code = -struct.unpack_from("=i", body)[0]
                    raise OSError(code, os.strerror(code))
                found.append((body[:header_length], attributes(body[header_length:])))


def attributes(data: bytes) -> Attributes:
    """Attributes by number, without the flags in the number."""
    return dict(attribute_list(data))


def attribute_list(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(number, payload) of each attribute, in order."""
    position = 0
    while position + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, position)
        if length < 4:
            return
        yield kind & 0x3FFF, data[position + 4 : position + length]
        position += (length + 3) & ~3
