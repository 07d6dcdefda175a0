"""Just enough netlink(7) to read and change a network's configuration, clear its neighbours and silence it."""

from __future__ import annotations

import os
import socket
import struct
import threading
from collections.abc import Iterator

ROUTE, XFRM, NETFILTER = 0, 6, 12
"""Protocols of a netlink socket."""

NLMSG_ERROR, NLMSG_DONE = 2, 3
NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP, NLM_F_DUMP_INTR = 0x1, 0x4, 0x300, 0x10

RTM_NEWLINK, RTM_GETLINK, RTM_GETADDR, RTM_GETROUTE = 16, 18, 22, 26
RTM_DELNEIGH, RTM_GETNEIGH = 29, 30
RTM_GETRULE, RTM_GETQDISC, RTM_GETNEIGHTBL = 34, 38, 66
RTM_GETADDRLABEL, RTM_GETMDB, RTM_GETNEXTHOP = 74, 86, 106

NUD_NOARP, NUD_PERMANENT = 0x40, 0x80
NTF_PROXY = 0x08
NDA_DST, NDTA_STATS = 1, 7
IFLA_STATS64, IFF_UP = 23, 0x1

Attributes = dict[int, bytes]
Message = tuple[bytes, Attributes]
"""An object: its fixed header and its attributes."""

RECEIVE_BYTES = 1 << 18
"""More bytes than the kernel puts into one answer."""

SEQUENCE = 1
"""Sequence number of all requests with an awaited answer; others have `UNHEARD`."""

UNHEARD = 0

_DONE = struct.pack("=IHH", 20, NLMSG_DONE, 2)


class _Buffer(threading.local):
    """One buffer for all sockets of a thread."""

    def __init__(self) -> None:
        self.bytes = bytearray(RECEIVE_BYTES)


_buffer = _Buffer()


class Netlink:
    """A socket in the calling process's network namespace, where it stays.

    Args:
        protocol: `ROUTE`, `XFRM` or `NETFILTER`.
    """

    def __init__(self, protocol: int) -> None:
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol)
        self.socket.bind((0, 0))
        self._last: dict[tuple[int, bytes], bytes] = {}

    def dump(self, kind: int, request: bytes, header_length: int = 0) -> list[Message]:
        """All objects of a kind.

        Args:
            kind: the kind of request.
            request: header and attributes of the request.
            header_length: length of the objects' headers; 0 for that of the request.

        Raises:
            OSError: the kernel refuses, or the objects changed during each of eight attempts to read them.
        """
        return self.parse(self.read(kind, request), header_length or len(request))

    def read(self, kind: int, request: bytes) -> bytes:
        """The kernel's raw answer to the same request, with headers; equal objects give equal answers.

        Raises:
            OSError: see `dump`.
        """
        last = self._last.get((kind, request))
        for _ in range(8):
            # The sequence number is always the same, as every answer is read to its end.
            self._send(kind, NLM_F_REQUEST | NLM_F_DUMP, request)
            answer = self._receive()
            if answer == last:
                return last
            if not _was_interrupted(answer):
                self._last[kind, request] = answer
                return answer
        raise OSError("the network's configuration changes faster than it can be read")

    def parse(self, answer: bytes, header_length: int) -> list[Message]:
        """The objects in an answer."""
        return [
            (body[:header_length], attributes(body[(header_length + 3) & ~3 :]))
            for _, kind, body in _messages(answer)
            if kind not in (NLMSG_DONE, NLMSG_ERROR)
        ]

    def ask(self, kind: int, body: bytes, header_length: int) -> Message:
        """The single object that a request asks for.

        Raises:
            OSError: the kernel refuses.
        """
        self._send(kind, NLM_F_REQUEST, body)
        return self.parse(self._receive(whole=False), header_length)[0]

    def change(self, kind: int, body: bytes, flags: int = 0, missing_ok: bool = False) -> None:
        """Asks for a change and waits until it is made.

        Args:
            kind: the kind of request.
            body: header and attributes of the request.
            flags: further flags of the request.
            missing_ok: whether what it is about may be gone.

        Raises:
            OSError: the kernel refuses.
        """
        self._send(kind, NLM_F_REQUEST | NLM_F_ACK | flags, body)
        try:
            self._receive(whole=False)
        except FileNotFoundError:
            if not missing_ok:
                raise

    def forget_neighbours(self) -> None:
        """Empties the ARP cache except for entries made by hand."""
        messages = b""
        for header, attributes in self.dump(RTM_GETNEIGH, bytes([socket.AF_INET]) + bytes(11)):
            state, flags = struct.unpack_from("=HB", header, 8)
            if not (state & (NUD_PERMANENT | NUD_NOARP) or flags & NTF_PROXY) and NDA_DST in attributes:
                address = attributes[NDA_DST]
                body = header + struct.pack("=HH", 4 + len(address), NDA_DST) + address
                messages += struct.pack("=IHHII", 16 + len(body), RTM_DELNEIGH, NLM_F_REQUEST, 0, 0) + body
        if messages:
            # Entries that have meanwhile expired cause an error with sequence 0, which nobody waits for.
            self.socket.send(messages)

    def neighbour_table_overflows(self) -> int:
        """How often the ARP cache, shared by all namespaces of the machine, was full."""
        overflows = 0
        for _, attributes in self.dump(RTM_GETNEIGHTBL, bytes([socket.AF_INET]) + bytes(3)):
            if NDTA_STATS in attributes:
                overflows += struct.unpack("=11Q", attributes[NDTA_STATS][:88])[10]
        return overflows

    def packets(self) -> int:
        """Packets that all links together have received and sent."""
        counted = 0
        for _, found in self.dump(RTM_GETLINK, bytes(16)):
            counted += sum(struct.unpack_from("=2Q", found.get(IFLA_STATS64, bytes(16))))
        return counted

    def take_links_down(self) -> None:
        """Takes all links down; they lose their routes and neighbours."""
        for header, _ in self.dump(RTM_GETLINK, bytes(16)):
            (index,) = struct.unpack_from("=i", header, 4)
            self._send(RTM_NEWLINK, NLM_F_REQUEST, struct.pack("=BxHiII", 0, 0, index, 0, IFF_UP), UNHEARD)

    def _send(self, kind: int, flags: int, body: bytes, sequence: int = SEQUENCE) -> None:
        self.socket.send(struct.pack("=IHHII", 16 + len(body), kind, flags, sequence, 0) + body)

    def _receive(self, whole: bool = True) -> bytes:
        """The answer to the last request; ``whole`` if it has several parts and an end marker."""
        parts = []
        while True:
            part = bytes(memoryview(_buffer.bytes)[: self.socket.recv_into(_buffer.bytes)])
            if struct.unpack_from("=I", part, 8)[0] != SEQUENCE:
                continue  # an error that nobody waits for
            _raise_error(part)
            parts.append(part)
            if part[-20:-12] == _DONE or not whole:
                break
            if any(kind == NLMSG_DONE for _, kind, _ in _messages(part)):
                break  # with a message from the kernel
        return b"".join(parts)


def _messages(answer: bytes) -> Iterator[tuple[int, int, bytes]]:
    """(flags, kind, body) of each message in an answer."""
    position = 0
    while position + 16 <= len(answer):
        length, kind, flags = struct.unpack_from("=IHH", answer, position)
        yield flags, kind, answer[position + 16 : position + length]
        position += (max(length, 16) + 3) & ~3


def _was_interrupted(answer: bytes) -> bool:
    return any(flags & NLM_F_DUMP_INTR for flags, _, _ in _messages(answer))


def _raise_error(part: bytes) -> None:
    length, kind = struct.unpack_from("=IH", part)
    if kind == NLMSG_ERROR and length >= 20 and (code := -struct.unpack_from("=i", part, 16)[0]):
        raise OSError(code, os.strerror(code))


def attribute(number: int, payload: bytes) -> bytes:
    """An attribute, padded."""
    return struct.pack("=HH", 4 + len(payload), number) + payload + bytes(-len(payload) % 4)


def attributes(data: bytes) -> Attributes:
    """Attributes by number, with the flags masked out."""
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
