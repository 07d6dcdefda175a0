"""The load generator: sends requests on schedule, over as many connections as it takes.

One thread waits for sockets (epoll) and for each read only notes the time and keeps the bytes; events and JSON are
decoded afterwards (`responses`). An asyncio client spends three to six times the processor time on each chunk, and
latency added by a busy client looks just like a slow server.

Latencies count from when a request was due, not from when the client got round to sending it, so a stalling server is
charged for the requests that it kept waiting (Tene, "How NOT to Measure Latency", 2013).
"""

from __future__ import annotations

import gc
import math
import os
import resource
import select
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from infraray.load.connection import Connection, WireError
from infraray.load.encryption import encrypting
from infraray.load.exchange import Exchange, Failure
from infraray.load.target import Target

_SPARE_FILES = 128
_EVENTS_AT_ONCE = 64
"""Reads between two checks of the schedule: half a millisecond's worth."""

_BEAT_S = 0.002
"""The longest sleep. One that took longer shows that the thread was held up by a core, a lock or a signal; the kernel
only reports the arrival of the newest bytes of a read."""


@dataclass(frozen=True)
class Load:
    """The requests to send, and when.

    Args:
        messages: requests as they go over the wire, in the order of their due times.
        due_s: seconds from the start, ascending, one per message.
        concurrency: the most requests in flight; None for no limit.
        closed_loop: whether a request is due when a slot becomes free rather than at a scheduled time.
        request_timeout_s: the limit from sending a request to the end of its answer.
        time_limit_s: when the whole measurement ends, even with unfinished requests.
    """

    messages: Sequence[bytes]
    due_s: Sequence[float]
    concurrency: int | None = None
    closed_loop: bool = False
    request_timeout_s: float = math.inf
    time_limit_s: float = math.inf


Ended = Callable[[Exchange], None]
"""Called with each finished exchange, between two polls of the sockets; its run time adds to the client lag."""


def generate_load(
    target: Target, load: Load, started: float | None = None, ended: Ended | None = None
) -> list[Exchange]:
    """Sends everything and waits until all is finished; returns the exchanges in the order of the messages.

    Args:
        target: the server.
        load: the requests, and when they are due.
        started: the `time.perf_counter` at which the measurement starts; by default now.
        ended: called with each finished exchange.
    """
    _allow_open_files(min(len(load.messages), load.concurrency or len(load.messages)))
    run = _Run(target, load, time.perf_counter() if started is None else started, ended)
    collects = gc.isenabled()
    # A pause of the garbage collector would show up in the latencies.
    gc.disable()
    try:
        with _first_in_line():
            run.go()
    finally:
        if collects:
            gc.enable()
        run.close()
    return run.exchanges


@contextmanager
def _first_in_line() -> Iterator[None]:
    """Gives this thread a core as soon as it needs one, if the kernel allows it (root, CAP_SYS_NICE).

    A server whose threads spin on every core keeps a client waiting for up to a second, at any niceness, and tokens
    that are read late but together look like fast decoding.
    """
    policy, priority = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(os.sched_get_priority_min(os.SCHED_RR)))
    except OSError:
        yield
        return
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, priority)


@dataclass
class _Run:
    target: Target
    load: Load
    started: float
    tell_ended: Ended | None = None
    exchanges: list[Exchange] = field(default_factory=list)
    in_flight: dict[int, Connection] = field(default_factory=dict)
    """Connections by the index of the exchange they carry, oldest first."""
    idle: list[Connection] = field(default_factory=list)
    by_file: dict[int, tuple[Connection, Exchange | None]] = field(default_factory=dict)
    ended: int = 0
    caught_up_s: float = 0.0
    """The last time when nothing was left to read."""
    held_up_s: float = 0.0
    """The longest time that unread data may have waited."""

    def __post_init__(self) -> None:
        self.epoll = select.epoll()
        self.encryption = encrypting(self.target.host_name) if self.target.is_encrypted else None
        places = self.load.concurrency or len(self.load.messages)
        self.free_since = deque([0.0] * min(places, len(self.load.messages)))
        """Sets when each free slot became free."""

    def go(self) -> None:
        total = len(self.load.messages)
        self.caught_up_s = self._now()
        while self.ended < total:
            now = self._now()
            if now >= self.load.time_limit_s:
                return self._give_up()
            self._send_due(now)
            self._end_late(now)
            if self.ended == total:
                return
            asked = self._now()
            events = self.epoll.poll(self._patience_s(), _EVENTS_AT_ONCE)
            now = self._now()
            self.held_up_s = max(0.0, now - self.caught_up_s - _BEAT_S)
            # After a signal, a poll that has timed out returns nothing even if there is data.
            if len(events) < _EVENTS_AT_ONCE and (events or now - asked < 2 * _BEAT_S):
                self.caught_up_s = now
            for file, event in events:
                connection, exchange = self.by_file[file]
                if exchange is None:
                    # The server has closed an idle connection.
                    self.idle.remove(connection)
                    self._drop(connection)
                elif event & select.EPOLLOUT:
                    self._write(connection, exchange)
                else:
                    self._read(connection, exchange)

    def close(self) -> None:
        for connection, _ in list(self.by_file.values()):
            self._drop(connection)
        self.epoll.close()

    def _now(self) -> float:
        return time.perf_counter() - self.started

    def _patience_s(self) -> float:
        """Seconds until there is something to do other than reading."""
        now = self._now()
        until = min(now + _BEAT_S, self.load.time_limit_s)
        if len(self.exchanges) < len(self.load.messages) and self.free_since:
            until = min(until, self.load.due_s[len(self.exchanges)])
        oldest = next(iter(self.in_flight), None)
        if oldest is not None:
            until = min(until, (self.exchanges[oldest].sent_s or 0.0) + self.load.request_timeout_s)
        # epoll counts in milliseconds and would oversleep, so shorter waits are spent polling.
        return max(0, math.floor((until - now) * 1000)) / 1000

    def _send_due(self, now: float) -> None:
        load = self.load
        while self.free_since and (index := len(self.exchanges)) < len(load.messages) and load.due_s[index] <= now:
            free = self.free_since.popleft()
            ready = max(load.due_s[index], free)
            exchange = Exchange(index, due_s=ready if load.closed_loop else load.due_s[index], ready_s=ready)
            self.exchanges.append(exchange)
            exchange.sent_s = now = self._now()
            self._start(exchange)

    def _start(self, exchange: Exchange) -> None:
        try:
            if self.idle:
                connection = self.idle.pop()
            else:
                connection = Connection(self.target.family, self.target.address, self.encryption and self.encryption())
                self.epoll.register(connection.socket, 0)
            self.by_file[connection.socket.fileno()] = connection, exchange
            self.in_flight[exchange.index] = connection
        except OSError as error:
            return self._fail(exchange, "unreachable", error.strerror or str(error))
        try:
            sent = connection.begin(exchange, self.load.messages[exchange.index])
        except OSError as error:
            return self._lost(connection, exchange, error)
        if not sent or not connection.used:
            self.epoll.modify(connection.socket, select.EPOLLIN if sent else select.EPOLLOUT)

    def _write(self, connection: Connection, exchange: Exchange) -> None:
        try:
            if connection.write():
                self.epoll.modify(connection.socket, select.EPOLLIN)
        except OSError as error:
            self._lost(connection, exchange, error)

    def _read(self, connection: Connection, exchange: Exchange) -> None:
        exchange.receive_lag_s = max(exchange.receive_lag_s, self.held_up_s)
        try:
            complete = connection.read(self.started)
        except BlockingIOError:
            return
        except OSError as error:
            return self._lost(connection, exchange, error)
        except WireError as error:
            if error.failure == "closed":
                return self._lost(connection, exchange, error)
            return self._fail(exchange, error.failure, error.reason)
        if self.encryption is not None and connection.unsent:
            self.epoll.modify(connection.socket, select.EPOLLIN | select.EPOLLOUT)
        if complete:
            self._end(exchange, exchange.read_times[-1])
            if connection.finish():
                self.by_file[connection.socket.fileno()] = connection, None
                self.idle.append(connection)
            else:
                self._drop(connection)

    def _lost(self, connection: Connection, exchange: Exchange, error: OSError | WireError) -> None:
        """Handles a connection that ended before its answer did."""
        if connection.used and not exchange.received:
            # It was kept alive after an earlier exchange and the server has closed it since. That is not this
            # request's fault, so it is sent again on a new connection.
            del self.in_flight[exchange.index]
            self._drop(connection)
            exchange.read_times.clear()
            exchange.read_ends.clear()
            return self._start_anew(exchange)
        if isinstance(error, WireError):
            return self._fail(exchange, error.failure, error.reason)
        reset = isinstance(error, ConnectionResetError | BrokenPipeError)
        self._fail(exchange, "closed" if reset else "unreachable", error.strerror or str(error))

    def _start_anew(self, exchange: Exchange) -> None:
        kept, self.idle = self.idle, []
        self._start(exchange)
        self.idle = kept

    def _fail(self, exchange: Exchange, failure: Failure, reason: str) -> None:
        exchange.failure, exchange.reason = failure, reason
        connection = self.in_flight.get(exchange.index)
        self._end(exchange, self._now())
        if connection is not None:
            self._drop(connection)

    def _end(self, exchange: Exchange, at: float) -> None:
        exchange.finished_s = at
        self.in_flight.pop(exchange.index, None)
        self.free_since.append(at)
        self.ended += 1
        if self.tell_ended is not None:
            self.tell_ended(exchange)

    def _end_late(self, now: float) -> None:
        """Ends requests that take too long; as all have the same limit, only the oldest can."""
        while self.in_flight:
            exchange = self.exchanges[next(iter(self.in_flight))]
            if now - (exchange.sent_s or 0.0) < self.load.request_timeout_s:
                return
            self._fail(exchange, "timeout", f"no end within {self.load.request_timeout_s:g} s (request_timeout_s)")

    def _give_up(self) -> None:
        reason = f"the time limit of {self.load.time_limit_s:g} s is up"
        for index in list(self.in_flight):
            self._fail(self.exchanges[index], "unfinished", reason)
        for index in range(len(self.exchanges), len(self.load.messages)):
            due = self.load.due_s[index]
            exchange = Exchange(index, due, due, finished_s=self.load.time_limit_s, failure="unfinished", reason=reason)
            self.exchanges.append(exchange)

    def _drop(self, connection: Connection) -> None:
        del self.by_file[connection.socket.fileno()]
        with suppress(OSError):
            self.epoll.unregister(connection.socket)
        connection.socket.close()


def _allow_open_files(connections: int) -> None:
    """Raises this process's limit on open files as far as allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < connections + _SPARE_FILES:
        needed = connections + _SPARE_FILES
        with suppress(OSError, ValueError):
            resource.setrlimit(
                resource.RLIMIT_NOFILE, (needed if hard == resource.RLIM_INFINITY else min(needed, hard), hard)
            )
