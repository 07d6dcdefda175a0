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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress

from .mininet_network import EmulatedNetwork, Machine
from .pingmesh import IP_MTU_DISCOVER, IP_PMTUDISC_PROBE, RECEIVE_BUFFER_BYTES, Overloaded, Pingmesh, one_processor

ROUNDS = 4
"""Each with ports of its own."""

DATAGRAMS = 10
"""From each source to each target in a round, the last of them of full length; and as many back."""

ATTEMPTS = 3
"""A pair that loses something in each of so many attempts is broken: the computer may lose a packet too."""

STREAM_BYTES = 20_000
"""Over each TCP connection, there and back; several packets of full length."""

HANDSHAKE = 3
"""Packets by which a TCP connection is made."""

PORTS = range(1024, 65536)
IP_PKTINFO = 8
HEADERS = 28
"""Bytes of an IP and a UDP header."""

SHORTEST = 64
"""Bytes of a datagram's payload that is not of full length."""


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
            with self.mesh.turns.taken(), one_processor():
                for source, carried in self._attempt(missing).items():
                    missing[source] -= carried
            if not any(missing.values()):
                break
        return [[target not in missing[source] for target in machines] for source in machines]

    def _attempt(self, asked: Mapping[int, set[int]]) -> dict[int, set[int]]:
        """The targets to which each source lost nothing, of those that are asked."""
        carried = {source: set(targets) for source, targets in asked.items()}
        for _ in range(ROUNDS):
            with ExitStack() as opened:
                sockets = [opened.enter_context(self._socket(one, socket.SOCK_DGRAM)) for one in range(len(carried))]
                for source, targets in carried.items():
                    if targets:
                        self.mesh.forget_neighbours()
                        carried[source] = self._datagrams(source, sorted(targets), sockets)
        with ExitStack() as opened:
            listeners = [opened.enter_context(self._socket(one, socket.SOCK_STREAM)) for one in range(len(carried))]
            for listener in listeners:
                listener.listen(8)
            for source, targets in carried.items():
                if targets:
                    self.mesh.forget_neighbours()
                    carried[source] = self._streams(source, sorted(targets), listeners)
        self.mesh.forget_neighbours()  # others need the room
        return carried

    def _datagrams(self, source: int, targets: Sequence[int], sockets: Sequence[socket.socket]) -> set[int]:
        """Those targets that answered every datagram; each machine has one of the sockets."""
        expected: dict[int, set[bytes]] = {target: set() for target in targets}
        for number in range(DATAGRAMS):
            for target in targets:
                length = self._length(source, target) if number == DATAGRAMS - 1 else SHORTEST
                token = os.urandom(8)
                expected[target].add(token)
                with suppress(OSError):  # no route, a filter, too long for the way: lost
                    sockets[source].sendto(token.ljust(length, b"\0"), self._address(source, target, sockets))
        self.mesh.settle()
        answers: dict[bytes, tuple[int, bytes]] = {}
        for target in targets:
            for request, destination, origin in _received(sockets[target]):
                token = request[:8]
                if token in expected[target] and destination == self.mesh.addresses[source][target]:
                    answers[token] = target, os.urandom(16)
                    with suppress(OSError):
                        answer = (token + answers[token][1]).ljust(len(request), b"\0")
                        _send_from(sockets[target], answer, destination, origin)
        self.mesh.settle()
        for answer, _, origin in _received(sockets[source]):
            target, secret = answers.get(answer[:8], (-1, b""))
            if answer[8:24] == secret and origin == self._address(source, target, sockets):
                expected[target].discard(answer[:8])
        return {target for target, left in expected.items() if not left}

    def _streams(self, source: int, targets: Sequence[int], listeners: Sequence[socket.socket]) -> set[int]:
        """Those targets with which a TCP connection carries bytes both ways; each machine has one of the listeners."""
        with ExitStack() as opened:
            connecting = {}
            for target in targets:
                client = opened.enter_context(self._socket(source, socket.SOCK_STREAM))
                client.connect_ex(self._address(source, target, listeners))
                connecting[target] = client
            for _ in range(HANDSHAKE):
                self.mesh.settle()
            pipes = []
            for target, client in connecting.items():
                with suppress(OSError):
                    server, _ = listeners[target].accept()
                    opened.enter_context(server)
                    server.setblocking(False)
                    pipes += [_Pipe(target, client, server), _Pipe(target, server, client)]
            for _ in range(2 * STREAM_BYTES // SHORTEST):
                moving = [pipe for pipe in pipes if pipe.left]
                for pipe in moving:
                    pipe.push()
                self.mesh.settle()
                if not any([pipe.pull() for pipe in moving]):
                    break
            left = {pipe.target for pipe in pipes if pipe.left}
            return {pipe.target for pipe in pipes} - left

    def _address(self, source: int, target: int, sockets: Sequence[socket.socket]) -> tuple[str, int]:
        """Where a source finds a target's socket."""
        return self.mesh.addresses[source][target], sockets[target].getsockname()[1]

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


class _Pipe:
    """Random bytes on their way from one end of a connection to the other.

    Args:
        target: whose connection it is.
        sender: the end at which they go in.
        receiver: the end at which they come out.
    """

    def __init__(self, target: int, sender: socket.socket, receiver: socket.socket) -> None:
        self.target, self.sender, self.receiver = target, sender, receiver
        self.unsent = self.left = os.urandom(STREAM_BYTES)

    def push(self) -> None:
        """Sends what the kernel takes."""
        with suppress(OSError):
            self.unsent = self.unsent[self.sender.send(self.unsent) :]

    def pull(self) -> bool:
        """Takes what has arrived; whether that was anything."""
        found = b""
        with suppress(OSError):
            found = self.receiver.recv(STREAM_BYTES)
        if not found or not self.left.startswith(found):
            return False
        self.left = self.left[len(found) :]
        return True


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
