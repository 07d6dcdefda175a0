"""Which machines carry everything to which: UDP and TCP on random ports, in packets of full length, without loss.

A pingmesh asks for one small ICMP packet, which may be let through alone, answered by another machine, or lost
now and then. Here the target answers each packet with a number that nobody else can know, at the address that it
was sent to, and not one of many packets may be missing. As in `infraray.emulators.inside.pingmesh` nothing waits
for a time-out: a packet has arrived or is lost when an echo over the loopback interface has come back.
"""

from __future__ import annotations

import os
import random
import socket
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import ExitStack, contextmanager, suppress
from typing import TypeVar

from .mininet_network import EmulatedNetwork, Machine
from .pingmesh import IP_MTU_DISCOVER, IP_PMTUDISC_PROBE, RECEIVE_BUFFER_BYTES, Overloaded, Pingmesh, one_processor

ROUNDS = 4
"""Each with ports of its own."""

DATAGRAMS = 10
"""From each source to each target in a round, the last of them of full length; and as many back."""

ATTEMPTS = 3
"""A pair that loses something in each of so many attempts is broken: the computer may lose a packet too."""

STREAM_BYTES = 8_000
"""Over each TCP connection, there and back; several packets of full length."""

STREAM_PACKETS = 10
"""That they take at most, at first; a connection begins with that many (RFC 6928)."""

NAME_BYTES = 16
"""Of the first that a connection carries, by which it is known."""

MACHINES_AT_ONCE = 24
"""Sources, and targets, that exchange datagrams at a time: answers have to fit into a receive buffer of 416 KiB."""

PACKETS_AT_ONCE = 160
"""Then they are waited for: a processor has a queue of 1000, also for the other networks that measure on it."""

HANDSHAKE = 3
"""Packets by which a TCP connection is made."""

PORTS = range(1024, 65536)
IP_PKTINFO = 8
HEADERS = 28
"""Bytes of an IP and a UDP header."""

SHORTEST = 64
"""Bytes of a datagram's payload that is not of full length."""

Sender = TypeVar("Sender")


class Flowmesh:
    """Measures a network again and again.

    Args:
        mesh: whose machines and targets these are.
        network: the same.
        mtus: of the way from each source to each target, in bytes, in the machines' order.
    """

    def __init__(self, mesh: Pingmesh, network: EmulatedNetwork, mtus: Sequence[Sequence[int]]) -> None:
        self.mesh = mesh
        self.home = network.home
        self.mtus = mtus
        self.machines: list[Machine] = mesh.machines

    def measure(self) -> list[list[bool]]:
        """[source][target], the diagonal True.

        Raises:
            Overloaded: the computer is too busy to tell.
        """
        machines = range(len(self.machines))
        missing = {source: {target for target in machines if target != source} for source in machines}
        for _ in range(ATTEMPTS):
            with self.mesh.places.taken(), one_processor():
                for source, carried in self._attempt(missing).items():
                    missing[source] -= carried
            if not any(missing.values()):
                break
        return [[target not in missing[source] for target in machines] for source in machines]

    def _attempt(self, asked: Mapping[int, set[int]]) -> dict[int, set[int]]:
        """The targets to which each source lost nothing, of those that are asked."""
        carried = {source: set(targets) for source, targets in asked.items()}
        for exchange in [self._datagrams] * ROUNDS + [self._streams]:
            kind = socket.SOCK_STREAM if exchange == self._streams else socket.SOCK_DGRAM
            with ExitStack() as opened:
                ends = _Ends([opened.enter_context(self._socket(one, kind)) for one in range(len(self.machines))])
                for pairs in self._blocks(carried):
                    self.mesh.forget_neighbours()
                    for source, target in pairs - exchange(pairs, ends):
                        carried[source].discard(target)
        self.mesh.forget_neighbours()  # others need the room
        return carried

    def _blocks(self, asked: Mapping[int, set[int]]) -> Iterator[set[tuple[int, int]]]:
        """Pairs that are asked together: as many as ARP caches and receive buffers have room for."""
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
        """Those pairs between which every datagram arrived, and the target's answer to each."""
        asked = sorted(pairs) * DATAGRAMS
        expected = dict(zip(_random(8, len(asked)), asked, strict=True))
        for number, (token, (source, target)) in enumerate(self._slowly(expected.items())):
            length = self._length(source, target) if number >= len(asked) - len(pairs) else SHORTEST
            with suppress(OSError):  # no route, a filter, too long for the way: lost
                ends.sockets[source].sendto(token.ljust(length, b"\0"), self._address(source, target, ends))
        self.mesh.settle()
        # All of them before the first answer, which may come to a socket that has requests as well.
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
        self.mesh.settle()
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
        """Those pairs between which a TCP connection carries bytes both ways."""
        with ExitStack() as opened:
            forth: dict[bytes, tuple[tuple[int, int], _Pipe]] = {}
            for source, target in self._slowly(sorted(pairs)):
                client = opened.enter_context(self._socket(source, socket.SOCK_STREAM))
                client.connect_ex(self._address(source, target, ends))
                pipe = _Pipe(client, os.urandom(STREAM_BYTES))
                forth[pipe.content[:NAME_BYTES]] = (source, target), pipe
            for _ in range(HANDSHAKE):
                self.mesh.settle()
            for _, pipe in self._slowly(forth.values(), STREAM_PACKETS):
                pipe.push()
            self.mesh.settle()
            pipes: dict[tuple[int, int], tuple[_Pipe, _Pipe]] = {}
            for target in {target for _, target in pairs}:
                for server in _accepted(ends.sockets[target], opened):
                    # A translated address says nothing about who it is, but what it sends first does.
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
                self.mesh.settle()
                moved = [pipe.pull() for pipe in moving]
                moving = [pipe for pipe in moving if pipe.left]
                if not any(moved):
                    break
            return {pair for pair, both in pipes.items() if not any(pipe.left for pipe in both)}

    def _slowly(self, senders: Iterable[Sender], packets: int = 1) -> Iterator[Sender]:
        """The same, each of which sends so many packets; all have arrived or are lost before too many are sent."""
        for number, sender in enumerate(senders, start=1):
            yield sender
            if number % (PACKETS_AT_ONCE // packets) == 0:
                self.mesh.settle()

    def _address(self, source: int, target: int, ends: _Ends) -> tuple[str, int]:
        """Where a source finds a target's socket."""
        return self.mesh.addresses[source][target], ends.ports[target]

    def _length(self, source: int, target: int) -> int:
        return max(SHORTEST, self.mtus[source][target] - HEADERS)

    @contextmanager
    def _socket(self, machine: int, kind: socket.SocketKind) -> Iterator[socket.socket]:
        """A socket on a random port of a machine, of all its addresses."""
        with self.machines[machine].namespace.entered(self.home):
            opened = socket.socket(socket.AF_INET, kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        with opened:
            if kind == socket.SOCK_DGRAM:
                # What was learned of a way's MTU from a fault must not outlive it, so it is not used.
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
    """A socket of each machine, on a port of its own.

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
    """Bytes on their way from one end of a connection to the other.

    Args:
        sender: the end at which they go in.
        content: the bytes.
    """

    def __init__(self, sender: socket.socket, content: bytes) -> None:
        self.sender, self.content = sender, content
        self.receiver: socket.socket | None = None
        self.unsent = self.left = content

    def push(self) -> None:
        """Sends what the kernel takes."""
        if self.unsent:
            with suppress(OSError):
                self.unsent = self.unsent[self.sender.send(self.unsent) :]

    def pull(self) -> bool:
        """Takes what has arrived; whether that was anything."""
        found = b""
        with suppress(OSError):
            found = self.receiver.recv(STREAM_BYTES) if self.receiver else b""
        if not found or not self.left.startswith(found):
            return False
        self.left = self.left[len(found) :]
        return True


def _accepted(listener: socket.socket, opened: ExitStack) -> Iterator[socket.socket]:
    """The connections that have come in."""
    with suppress(OSError):
        while True:
            server, _ = listener.accept()
            opened.enter_context(server)
            server.setblocking(False)
            yield server


def _peek(server: socket.socket) -> bytes:
    """The first bytes of a connection, which stay where they are."""
    with suppress(OSError):
        return server.recv(NAME_BYTES, socket.MSG_PEEK)
    return b""


def _random(length: int, count: int) -> list[bytes]:
    """Byte strings that nobody can know."""
    drawn = os.urandom(length * count)
    return [drawn[start : start + length] for start in range(0, len(drawn), length)]


def _received(receiver: socket.socket) -> Iterator[tuple[bytes, str, tuple[str, int]]]:
    """(payload, address that it was sent to, sender) of all that has arrived."""
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
    """MTUs by the machines' numbers, from those by their names."""
    names = [machine.name for machine in machines]
    return [[mtus[source].get(target, 0) for target in names] for source in names]
