"""Tells when every packet that was sent before has arrived or is lost, without waiting for a time-out.

A packet passes from one namespace to the next through a first-in-first-out queue of the processor that sends it. So
while a thread stays on one processor, an echo over its own loopback interface overtakes no packet: after as many such
echoes in a row as the longest path has hops, every packet sent before has arrived or is lost, however busy the computer
is.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from infraray.errors import InfrarayError

from .namespaces import current_cpu

ECHO_S = 5.0
"""Time that one echo over the loopback interface may take."""

ECHO_REPLY, ECHO_REQUEST = 0, 8
SOL_RAW, ICMP_FILTER = 255, 1
IP_MTU_DISCOVER, IP_PMTUDISC_PROBE = 10, 3
RECEIVE_BUFFER_BYTES = 1 << 20

PAYLOAD_BYTES = 56
"""As of ping(8)."""

HEADER = struct.Struct("!BBHHH")


class Overloaded(InfrarayError):
    """The computer is too busy to determine what is broken."""


class Fence:
    """Sends echoes over the loopback interface of the network in which the calling thread is when this is made.

    Args:
        echoes: half of the hops of the longest path, or more; an echo is two hops.
    """

    def __init__(self, echoes: int) -> None:
        self.echoes = echoes
        self._loopback = echo_socket(ECHO_REPLY)
        self._loopback.settimeout(ECHO_S)

    def settle(self) -> None:
        """Returns when every packet sent before has arrived or is lost. The caller stays in `one_processor`.

        Raises:
            Overloaded: the processor's queue is full of other packets.
        """
        try:
            for number in range(self.echoes):
                self._loopback.sendto(echo_request(0, number, bytes(PAYLOAD_BYTES)), ("127.0.0.1", 0))
                while HEADER.unpack_from(self._loopback.recv(512), 20)[4] != number:
                    pass
        except TimeoutError:
            raise Overloaded("this computer loses its own packets; do the network's go round in circles?") from None


def echo_socket(*kinds: int) -> socket.socket:
    """A socket for some kinds of ICMP messages in the caller's network namespace."""
    echo = socket.socket(socket.AF_INET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.IPPROTO_ICMP)
    passed = sum(1 << kind for kind in kinds)
    echo.setsockopt(SOL_RAW, ICMP_FILTER, struct.pack("=I", ~passed & 0xFFFFFFFF))
    # A path MTU learned during a fault must not outlive it, so it is not used.
    echo.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE)
    echo.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
    return echo


def echo_request(identifier: int, sequence: int, payload: bytes) -> bytes:
    """An ICMP echo request with a payload of `PAYLOAD_BYTES`."""
    total = sum(struct.unpack(f"!{PAYLOAD_BYTES // 2}H", payload)) + (ECHO_REQUEST << 8) + identifier + sequence
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return HEADER.pack(ECHO_REQUEST, 0, ~total & 0xFFFF, identifier, sequence) + payload


@contextmanager
def one_processor() -> Iterator[None]:
    """Pins the calling thread to its current processor."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {current_cpu()})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
