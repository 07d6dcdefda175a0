"""Measures which machines reach which, all ordered pairs at once and without starting a process.

A source reaches a target if the target itself receives the ICMP echo request and the source receives the reply; an
address that was added to another machine does not count. The requests are like ping(8)'s: 56 bytes, not to be
fragmented.

Nothing here waits for a time-out, see `infraray.emulators.inside.fence`. Only queueing disciplines hold packets back;
if there is one, the measurement waits for replies at the end.
"""

from __future__ import annotations

import errno
import os
import select
import struct
import time
from collections.abc import Iterable, Iterator, Mapping

from infraray.emulators.inside.fence import (
    ECHO_REPLY,
    ECHO_REQUEST,
    HEADER,
    Fence,
    Overloaded,
    echo_request,
    echo_socket,
    one_processor,
)
from infraray.emulators.inside.netlink import ROUTE, RTM_GETLINK, RTM_GETQDISC, Attributes, Netlink, attributes

from .measuring_places import MeasuringPlaces
from .mininet_network import EmulatedNetwork, Machine

ROUNDS = 3
"""A pair that does not answer in this many undisturbed rounds is broken."""

REPLY_S = 0.5
"""A reply later than this does not count; NetArena's faults delay by 1 s or more."""

LAST_WAIT_S = 0.1
"""Wait for replies delayed by a queueing discipline, as in NetArena's ``ping -W 0.1``."""

TRANSITION_S = 2.0
"""Wait for an interface that is being switched on; the kernel takes up to a second."""

MEASURE_S = 20.0
"""Time in which there must be enough undisturbed rounds, or else the measurement fails."""

NEIGHBOURS_AT_ONCE = 256
"""ARP entries made at a time, besides those of hosts and routers; a computer has 1024 for all networks."""

IFF_UP = 0x1
IFLA_OPERSTATE, IFLA_LINKINFO, IFLA_CARRIER = 16, 18, 33
IFLA_INFO_SLAVE_DATA, IFLA_BRPORT_STATE = 5, 1
IF_OPER_DOWN, IF_OPER_LOWERLAYERDOWN = 2, 7
BR_STATE_FORWARDING = 3
TCA_KIND = 1

_PAYLOAD = struct.Struct("!8sHHI40x")
"""The measurement, source, target, batch."""


class Pingmesh:
    """Measures a network repeatedly.

    Args:
        network: the network; sources and targets are in the order of its machines.
        targets: the address that each source pings, by source and target.
        places: the measuring places, one of which is taken for each measurement.
    """

    def __init__(
        self, network: EmulatedNetwork, targets: Mapping[str, Mapping[str, str]], places: MeasuringPlaces
    ) -> None:
        self.places = places
        self.machines: list[Machine] = list(network.machines.values())
        names = [machine.name for machine in self.machines]
        self.addresses = [[targets[source].get(target, "") for target in names] for source in names]
        self.sockets = []
        for machine in self.machines:
            with machine.namespace.entered(network.home):
                self.sockets.append(echo_socket(ECHO_REPLY, ECHO_REQUEST))
        self.home = Netlink(ROUTE)
        # An echo is two hops. A link takes four at most, with ARP, and a path two links, and one for each router.
        self.fence = Fence(16 + 8 * sum(machine.forwards for machine in self.machines))
        self.identifier = int.from_bytes(os.urandom(2), "big")
        self.poll = select.epoll()
        self.number_of = {}
        for number, echo in enumerate(self.sockets):
            self.poll.register(echo, select.EPOLLIN)
            self.number_of[echo.fileno()] = number
        # A source creates an entry for each neighbour that it pings, and one at that neighbour.
        neighbours = len(self.machines) / max(1, len(network.switches))
        self.sources_at_once = max(1, int(NEIGHBOURS_AT_ONCE / (2 * neighbours)))

    def measure(self) -> list[list[bool]]:
        """[source][target], the diagonal True.

        Raises:
            Overloaded: the computer is too busy to tell.
        """
        # Connection tracking treats equal identifiers as one flow, and would translate it as before.
        self.identifier = (self.identifier + 1) & 0xFFFF
        measurement = _Measurement(self)
        with self.places.taken(), one_processor():
            measurement.run()
        if measurement.missing and self.holds_packets():
            measurement.wait(LAST_WAIT_S)
        return measurement.reached()

    def received(self) -> Iterator[tuple[int, bytes]]:
        """(machine number, packet) of everything that has arrived, read from the sockets.

        Raises:
            Overloaded: packets arrive without end.
        """
        left = 10 * len(self.machines) ** 2 + 10_000
        while ready := self.poll.poll(0):
            for file, _ in ready:
                number = self.number_of[file]
                try:
                    while left:
                        yield number, self.sockets[number].recv(512)
                        left -= 1
                except BlockingIOError:
                    pass
            if not left:
                raise Overloaded("pings come in without end; do they go round in circles?")

    def forget_neighbours(self) -> None:
        """Empties the ARP caches, since a neighbour that did not answer is not asked again for seconds."""
        for machine in self.machines:
            machine.routing.forget_neighbours()

    def holds_packets(self) -> bool:
        """Whether a machine has a queueing discipline that may delay packets; those of the switches never change."""
        disciplines = [found for machine in self.machines for found in machine.routing.dump(RTM_GETQDISC, bytes(20))]
        return any(discipline[TCA_KIND] != b"noqueue\0" for _, discipline in disciplines)

    def in_transition(self) -> bool:
        """Whether an interface has come up through which the kernel does not send yet."""
        links = [link for machine in self.machines for link in machine.routing.dump(RTM_GETLINK, bytes(16))]
        ports = self.home.dump(RTM_GETLINK, bytes(16))
        if any(_comes_up(*link) for link in [*links, *ports]):
            return True
        return any(_has_carrier(*port) and not _forwards(port[1]) for port in ports)


class _Measurement:
    """One measurement: what was sent and what has come back."""

    def __init__(self, mesh: Pingmesh) -> None:
        self.mesh = mesh
        self.measurement = os.urandom(8)
        count = len(mesh.machines)
        self.missing = {(source, target) for source in range(count) for target in range(count) if source != target}
        self.requested: set[tuple[int, int]] = set()
        """Pairs whose request has reached the target."""
        self.replied: set[tuple[int, int]] = set()
        """Pairs whose reply has reached the source."""
        self.sent_at: list[float] = []
        """When each batch of requests was started."""

    def run(self) -> None:
        """Pings until every pair has answered or is known to be broken.

        Raises:
            Overloaded: the computer is too busy to determine that.
        """
        began = time.monotonic()
        for _ in self.mesh.received():
            pass  # packets that others have sent meanwhile
        undisturbed = 0
        while self.missing and undisturbed < ROUNDS:
            overflows = self.mesh.home.neighbour_table_overflows()
            in_time = self._round()
            if not self.missing:
                break
            waited = time.monotonic() - began
            full = self.mesh.home.neighbour_table_overflows() > overflows
            if in_time and not full and (waited > TRANSITION_S or not self.mesh.in_transition()):
                undisturbed += 1
            elif waited > MEASURE_S:
                raise too_busy(full)
            else:
                time.sleep(0.005)
        self.mesh.forget_neighbours()  # the others need the room

    def wait(self, seconds: float) -> None:
        """Waits for late replies."""
        until = time.monotonic() + seconds
        while self.missing and (left := until - time.monotonic()) > 0:
            self.mesh.poll.poll(left)
            self._receive()

    def reached(self) -> list[list[bool]]:
        """[source][target], the diagonal True."""
        machines = range(len(self.mesh.machines))
        return [[(source, target) not in self.missing for target in machines] for source in machines]

    def _round(self) -> bool:
        """Pings all pairs that did not answer; returns whether the round was undisturbed."""
        in_time = True
        asked: dict[int, list[int]] = {}
        for source, target in sorted(self.missing):
            asked.setdefault(source, []).append(target)
        sources = list(asked)
        for first in range(0, len(sources), self.mesh.sources_at_once):
            self.mesh.forget_neighbours()
            self.sent_at.append(time.monotonic())
            for source in sources[first : first + self.mesh.sources_at_once]:
                in_time = self._send(source, asked[source]) and in_time
                self._receive()
            self.mesh.fence.settle()
            self._receive()
            in_time = in_time and time.monotonic() - self.sent_at[-1] < REPLY_S
        return in_time

    def _send(self, source: int, targets: Iterable[int]) -> bool:
        """Pings from one machine; returns whether the kernel accepted all valid packets."""
        batch = len(self.sent_at) - 1
        echo, addresses = self.mesh.sockets[source], self.mesh.addresses[source]
        taken = True
        for target in targets:
            payload = _PAYLOAD.pack(self.measurement, source, target, batch)
            try:
                echo.sendto(echo_request(self.mesh.identifier, target, payload), (addresses[target], 0))
            except OSError as error:  # no route, or a filter: broken
                taken = taken and error.errno not in (errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM)
        return taken

    def _receive(self) -> None:
        """Notes what has arrived."""
        now = time.monotonic()
        for machine, packet in self.mesh.received():
            start = (packet[0] & 0xF) * 4
            if len(packet) < start + HEADER.size + _PAYLOAD.size:
                continue
            measurement, source, target, batch = _PAYLOAD.unpack_from(packet, start + HEADER.size)
            # A mangled packet may name a batch that does not exist.
            if measurement != self.measurement or batch >= len(self.sent_at) or now - self.sent_at[batch] > REPLY_S:
                continue
            if packet[start] == ECHO_REQUEST and machine == target:
                self.requested.add((source, target))
            elif packet[start] == ECHO_REPLY and machine == source:
                self.replied.add((source, target))
        self.missing -= self.requested & self.replied


def too_busy(full: bool) -> Overloaded:
    """What to raise after `MEASURE_S`.

    Args:
        full: whether the reason is the table of neighbours.
    """
    why = "its ARP cache is full; raise net.ipv4.neigh.default.gc_thresh3" if full else "run fewer at once"
    return Overloaded(f"after {MEASURE_S:g} s this computer is too busy to tell who reaches whom: {why}")


def _has_carrier(header: bytes, link: Attributes) -> bool:
    """Whether an interface is up and plugged into one that is up."""
    return bool(struct.unpack_from("=I", header, 8)[0] & IFF_UP and link.get(IFLA_CARRIER, b"\0")[0])


def _comes_up(header: bytes, link: Attributes) -> bool:
    """Whether an interface has a carrier that the kernel's worker has not noticed yet."""
    down = link.get(IFLA_OPERSTATE, b"\0")[0] in (IF_OPER_DOWN, IF_OPER_LOWERLAYERDOWN)
    return down and _has_carrier(header, link)


def _forwards(link: Attributes) -> bool:
    """Whether a switch accepts packets from this interface, or it does not belong to a switch."""
    port = attributes(attributes(link.get(IFLA_LINKINFO, b"")).get(IFLA_INFO_SLAVE_DATA, b""))
    return port.get(IFLA_BRPORT_STATE, bytes([BR_STATE_FORWARDING]))[0] == BR_STATE_FORWARDING
