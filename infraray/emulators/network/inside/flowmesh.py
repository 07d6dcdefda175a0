"""Measures which machines carry all traffic to which: UDP and TCP on random ports, full-length packets, no loss.

A pingmesh asks for one small ICMP packet, which may be the only kind let through, answered by another machine, or lost
now and then. Here the target answers each packet with a number that nobody else can know, from the address it was sent
to, and none of many packets may be missing. As in `pingmesh.py`, nothing waits for a time-out:
a packet has arrived or is lost once an echo over the loopback interface has come back.
"""

from __future__ import annotations

import os
import random
import socket
import struct
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from infraray.emulators.inside.fence import (
    IP_MTU_DISCOVER,
    IP_PMTUDISC_PROBE,
    RECEIVE_BUFFER_BYTES,
    Overloaded,
    one_processor,
)

from .mininet_network import EmulatedNetwork, Machine
from .pingmesh import MEASURE_S, Pingmesh, too_busy

ROUNDS = 4
"""Rounds, each with its own ports."""

DATAGRAMS = 10
"""Datagrams from each source to each target in a round, the last of full length, and as many back."""

ATTEMPTS = 3
"""A pair that loses something in each of this many attempts is broken; the computer may lose a packet too. Attempts do
not count while the ARP table, which all networks share, overflows."""

STREAM_BYTES = 8_000
"""Bytes over each TCP connection, there and back: several full-length packets."""

STREAM_PACKETS = 10
"""The most packets in flight at first; a connection begins with that many (RFC 6928)."""

NAME_BYTES = 16
"""The first bytes that a connection carries, which identify it."""

MACHINES_AT_ONCE = 24
"""Sources and targets that exchange datagrams at a time; answers must fit into a receive buffer of 416 KiB."""

PACKETS_AT_ONCE = 160
"""Packets sent before waiting: a processor has a queue of 1000, shared with other networks measuring on it."""

HANDSHAKE = 3
"""Packets it takes to establish a TCP connection."""

PORTS = range(1024, 65536)
IP_PKTINFO = 8
HEADERS = 28
"""Bytes of an IP plus a UDP header."""

SHORTEST = 64
"""Payload bytes of a short datagram."""

Sender = TypeVar("Sender")


class Flowmesh:
    """Measures a network repeatedly.

    Args:
        mesh: the pingmesh, with the machines and targets.
        network: the network.
        mtus: path MTU from each source to each target, in bytes, in the machines' order.
    """

    def __init__(self, mesh: Pingmesh, network: EmulatedNetwork, mtus: Sequence[Sequence[int]]) -> None:
        self.mesh = mesh
        self.home = network.home
        self.mtus = mtus
        self.machines: list[Machine] = mesh.machines

    def measure(self) -> list[list[bool]]:
        """[source][target], the diagonal True.

        Raises:
            Overloaded: the computer is too busy for a reliable result.
        """
        machines = range(len(self.machines))
        missing = {source: {target for target in machines if target != source} for source in machines}
        began, attempts = time.monotonic(), 0
        while any(missing.values()) and attempts < ATTEMPTS:
            overflows = self.mesh.home.neighbour_table_overflows()
            with self.mesh.places.taken(), one_processor():
                for source, carried in self._attempt(missing).items():
                    missing[source] -= carried
            if self.mesh.home.neighbour_table_overflows() == overflows:
                attempts += 1
            elif any(missing.values()) and time.monotonic() - began > MEASURE_S:
                raise too_busy(full=True)
        return [[target not in missing[source] for target in machines] for source in machines]

    def _attempt(self, asked: Mapping[int, set[int]]) -> dict[int, set[int]]:
        """Those of the given targets to which each source lost nothing."""
        carried = {source: set(targets) for source, targets in asked.items()}
        self._forget_path_mtus()
        for exchange in [self._datagrams] * ROUNDS + [self._streams]:
            kind = socket.SOCK_STREAM if exchange == self._streams else socket.SOCK_DGRAM
            with ExitStack() as opened:
                ends = _Ends([opened.enter_context(self._socket(one, kind)) for one in range(len(self.machines))])
                for pairs in self._blocks(carried):
                    self.mesh.forget_neighbours()
                    for source, target in pairs - exchange(pairs, ends):
                        carried[source].discard(target)
        self.mesh.forget_neighbours()  # other networks need the room
        return carried

    def _forget_path_mtus(self) -> None:
        """Clears what machines learned while a fault was there; a router would drop long packets for ten minutes."""
        for machine in self.machines:
            with machine.namespace.entered(self.home):
                Path("/proc/sys/net/ipv4/route/flush").write_text("1")

    def _blocks(self, asked: Mapping[int, set[int]]) -> Iterator[set[tuple[int, int]]]:
        """Pairs measured together: as many as ARP caches and receive buffers have room for."""
        at_once = min(self.mesh.sources_at_once, MACHINES_AT_ONCE)
        machines = range(len(self.machines))
        for first_source in machines[::at_once]:
            for first_target in machines[::MACHINES_AT_ONCE]:
                pairs = {
                    (source, target)
                    for source in machines[first_source : first_source + at_once]
                    for target in machines[first_target : first_target + MACHINES_AT_ONCE]
                    if target in asked[source]
                }
                if pairs:
                    yield pairs

    def _datagrams(self, pairs: Set[tuple[int, int]], ends: _Ends) -> set[tuple[int, int]]:
        """The pairs between which every datagram and the target's answer to it arrived."""
        asked = sorted(pairs) * DATAGRAMS
        expected = dict(zip(_random(8, len(asked)), asked, strict=True))
        for number, (token, (source, target)) in enumerate(self._slowly(expected.items())):
            length = self._length(source, target) if number >= len(asked) - len(pairs) else SHORTEST
            with suppress(OSError):  # no route, a filter, or too long for the path: lost
                ends.sockets[source].sendto(token.ljust(length, b"\0"), self._address(source, target, ends))
        self.mesh.fence.settle()
        # All requests are read before the first answer, which may arrive at a socket that also has requests.
        targets = {target for _, target in pairs}
        arrived = [(target, *received) for target in targets for received in _received(ends.sockets[target])]
        answers: dict[bytes, bytes] = {}
        secrets = _random(16, len(arrived))
        for secret, (target, request, destination, origin) in zip(secrets, self._slowly(arrived), strict=True):
            token = request[:8]
            source, meant = expected.get(token, (-1, -1))
            if meant == target and destination == self.mesh.addresses[source][target]:
                answers[token] = token + secret
                with suppress(OSError):
                    _send_from(ends.sockets[target], answers[token].ljust(len(request), b"\0"), destination, origin)
        self.mesh.fence.settle()
        for source in {source for source, _ in pairs}:
            for answer, _, origin in _received(ends.sockets[source]):
                token = answer[:8]
                asker, target = expected.get(token, (-1, -1))
                if (
                    asker == source
                    and answer[:24] == answers.get(token)
                    and origin == self._address(source, target, ends)
                ):
                    del expected[token]
        return set(pairs) - set(expected.values())

    def _streams(self, pairs: Set[tuple[int, int]], ends: _Ends) -> set[tuple[int, int]]:
        """The pairs between which a TCP connection carries bytes both ways."""
        with ExitStack() as opened:
            forth: dict[bytes, tuple[tuple[int, int], _Pipe]] = {}
            for source, target in self._slowly(sorted(pairs)):
                client = opened.enter_context(self._socket(source, socket.SOCK_STREAM))
                client.connect_ex(self._address(source, target, ends))
                pipe = _Pipe(client, os.urandom(STREAM_BYTES))
                forth[pipe.content[:NAME_BYTES]] = (source, target), pipe
            for _ in range(HANDSHAKE):
                self.mesh.fence.settle()
            for _, pipe in self._slowly(forth.values(), STREAM_PACKETS):
                pipe.push()
            self.mesh.fence.settle()
            pipes: dict[tuple[int, int], tuple[_Pipe, _Pipe]] = {}
            for target in {target for _, target in pairs}:
                for server in _accepted(ends.sockets[target], opened):
                    # A translated address does not identify the sender, but its first bytes do.
                    name = _peek(server)
                    if name not in forth:
                        continue
                    pair, pipe = forth[name]
                    if pair[1] == target and pair not in pipes:
                        back = _Pipe(server, os.urandom(STREAM_BYTES))
                        pipe.receiver, back.receiver = server, pipe.sender
                        pipes[pair] = pipe, back
            moving = [pipe for both in pipes.values() for pipe in both]
            for _ in range(2 * STREAM_BYTES // SHORTEST):
                for pipe in self._slowly([pipe for pipe in moving if pipe.unsent], STREAM_PACKETS):
                    pipe.push()
                self.mesh.fence.settle()
                moved = [pipe.pull() for pipe in moving]
                moving = [pipe for pipe in moving if pipe.left]
                if not any(moved):
                    break
            return {pair for pair, both in pipes.items() if not any(pipe.left for pipe in both)}

    def _slowly(self, senders: Iterable[Sender], packets: int = 1) -> Iterator[Sender]:
        """Yields the items, each of which sends that many packets, pausing before too many are in flight."""
        for number, sender in enumerate(senders, start=1):
            yield sender
            if number % (PACKETS_AT_ONCE // packets) == 0:
                self.mesh.fence.settle()

    def _address(self, source: int, target: int, ends: _Ends) -> tuple[str, int]:
        """The address at which a source finds a target's socket."""
        return self.mesh.addresses[source][target], ends.ports[target]

    def _length(self, source: int, target: int) -> int:
        return max(SHORTEST, self.mtus[source][target] - HEADERS)

    @contextmanager
    def _socket(self, machine: int, kind: socket.SocketKind) -> Iterator[socket.socket]:
        """A socket on a random port of a machine, on all its addresses."""
        with self.machines[machine].namespace.entered(self.home):
            opened = socket.socket(socket.AF_INET, kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        with opened:
            if kind == socket.SOCK_DGRAM:
                # A path MTU learned during a fault must not outlive it, so it is not used.
                opened.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE)
                opened.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
            else:
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # no TIME_WAIT
            for _ in range(100):
                with suppress(OSError):
                    opened.bind(("", random.choice(PORTS)))
                    break
            else:
                raise Overloaded("a machine of the network has no free port")
            yield opened


class _Ends:
    """One socket per machine, each on its own port.

    Args:
        sockets: in the machines' order; those of TCP listen.
    """

    def __init__(self, sockets: Sequence[socket.socket]) -> None:
        self.sockets = sockets
        self.ports = [end.getsockname()[1] for end in sockets]
        for end in sockets:
            if end.type == socket.SOCK_STREAM:
                end.listen(2 * MACHINES_AT_ONCE)


class _Pipe:
    """Bytes on the way from one end of a connection to the other.

    Args:
        sender: the sending end.
        content: the bytes.
    """

    def __init__(self, sender: socket.socket, content: bytes) -> None:
        self.sender, self.content = sender, content
        self.receiver: socket.socket | None = None
        self.unsent = self.left = content

    def push(self) -> None:
        """Sends as much as the kernel accepts."""
        if self.unsent:
            with suppress(OSError):
                self.unsent = self.unsent[self.sender.send(self.unsent) :]

    def pull(self) -> bool:
        """Reads what has arrived; returns whether there was anything."""
        found = b""
        with suppress(OSError):
            found = self.receiver.recv(STREAM_BYTES) if self.receiver else b""
        if not found or not self.left.startswith(found):
            return False
        self.left = self.left[len(found) :]
        return True


def _accepted(listener: socket.socket, opened: ExitStack) -> Iterator[socket.socket]:
    """Incoming connections."""
    with suppress(OSError):
        while True:
            server, _ = listener.accept()
            opened.enter_context(server)
            server.setblocking(False)
            yield server


def _peek(server: socket.socket) -> bytes:
    """The first bytes of a connection, without consuming them."""
    with suppress(OSError):
        return server.recv(NAME_BYTES, socket.MSG_PEEK)
    return b""


def _random(length: int, count: int) -> list[bytes]:
    """Byte strings that nobody can guess."""
    drawn = os.urandom(length * count)
    return [drawn[start : start + length] for start in range(0, len(drawn), length)]


def _received(receiver: socket.socket) -> Iterator[tuple[bytes, str, tuple[str, int]]]:
    """(payload, destination address, sender) of all datagrams that have arrived."""
    with suppress(BlockingIOError):
        while True:
            try:
                data, ancillary, _, origin = receiver.recvmsg(1 << 16, socket.CMSG_SPACE(12))
            except ConnectionRefusedError:
                continue  # an ICMP message that somebody sent
            for level, kind, content in ancillary:
                if (level, kind) == (socket.IPPROTO_IP, IP_PKTINFO) and len(data) >= SHORTEST:
                    yield data, socket.inet_ntoa(content[8:12]), origin


def _send_from(sender: socket.socket, data: bytes, address: str, to: tuple[str, int]) -> None:
    """Sends from one of a machine's addresses."""
    info = struct.pack("=i4s4s", 0, socket.inet_aton(address), bytes(4))
    sender.sendmsg([data], [(socket.IPPROTO_IP, IP_PKTINFO, info)], 0, to)


def in_order(machines: Sequence[Machine], mtus: Mapping[str, Mapping[str, int]]) -> list[list[int]]:
    """MTUs indexed by machine number instead of name."""
    names = [machine.name for machine in machines]
    return [[mtus[source].get(target, 0) for target in names] for source in names]
