"""What listens in pods: a socket for every port that a container declares.

There is no image to run, so a container is what answers on its ports: over TCP and UDP it repeats what it is sent after
a line that says who it is, and over TCP it also answers a GET of HTTP. The sockets are real and in the pod's namespace,
so that whatever stands between two pods stands between them here.
"""

from __future__ import annotations

import errno
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from infraray.emulators.inside.namespaces import NetworkNamespace

TYPES = {
    "TCP": (socket.SOCK_STREAM, socket.IPPROTO_TCP),
    "UDP": (socket.SOCK_DGRAM, socket.IPPROTO_UDP),
    "SCTP": (socket.SOCK_STREAM, 132),
}

BACKLOG = 512
CONNECTIONS = 2048
"""Open connections of all pods; beyond that, the oldest is closed."""

DATA_BYTES = 4096
LOG_LINES = 1000

UNKNOWN_PROTOCOL = (errno.EPROTONOSUPPORT, errno.ESOCKTNOSUPPORT)


@dataclass(frozen=True)
class Port:
    """A port of a container."""

    protocol: str
    number: int


@dataclass
class Container:
    """A running container.

    Args:
        pod: ``namespace/name`` of its pod.
        name: its name.
        ports: the ports on which it listens.
        log: its lines, each with the time (`time.time`) when it was written.
        error: why it does not run; empty if it does.
    """

    pod: str
    name: str
    ports: frozenset[Port] = frozenset()
    log: deque[tuple[float, str]] = field(default_factory=lambda: deque(maxlen=LOG_LINES))
    error: str = ""
    started_at: float = field(default_factory=time.time)
    sockets: list[socket.socket] = field(default_factory=list)

    def say(self, line: str) -> None:
        """Writes a line to its log."""
        self.log.append((time.time(), line))

    def answer(self, port: int, data: bytes) -> bytes:
        """What it answers to what it was sent."""
        return f"{self.pod} {self.name}:{port}\n".encode() + data


class Listeners:
    """All listening sockets. Thread-safe."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        """Holding it keeps all others from answering, and `pump` answers in the calling thread."""
        self.heard: dict[bytes, str] = {}
        """Pods, ``namespace/name``, by what they were sent while somebody held the lock and pumped."""
        self._poll = select.epoll()
        self._containers: dict[int, tuple[socket.socket, Container]] = {}
        self._connections: dict[int, tuple[socket.socket, Container, int]] = {}

    def start(self) -> None:
        """Begins to answer."""
        threading.Thread(target=self._answer, name="listeners", daemon=True).start()

    def run(
        self, pod: str, name: str, ports: Iterable[Port], inside: NetworkNamespace, home: NetworkNamespace
    ) -> Container:
        """Starts a container; it has an error if a port is taken.

        Args:
            pod: ``namespace/name`` of its pod.
            name: its name.
            ports: its ports.
            inside: its pod's network.
            home: the network in which the calling thread is.
        """
        container = Container(pod, name)
        with inside.entered(home):
            for port in dict.fromkeys(ports):
                try:
                    self._listen(container, port)
                except OSError as error:
                    if error.errno in UNKNOWN_PROTOCOL:
                        container.say(f"{port.protocol} does not exist here, so nothing listens on port {port.number}")
                        continue
                    self.end(container)
                    container.error = f"cannot listen on {port.protocol} port {port.number}: {error.strerror}"
                    container.say(container.error)
                    break
        return container

    def end(self, container: Container) -> None:
        """Closes all that a container has open."""
        with self.lock:
            for listener in container.sockets:
                self._containers.pop(listener.fileno(), None)
                listener.close()
            container.sockets.clear()
            container.ports = frozenset()
            for file, (_, of, _) in list(self._connections.items()):
                if of is container:
                    self._close(file)

    def pump(self) -> None:
        """Answers everything that has arrived; the caller holds the lock."""
        self.heard.clear()
        while ready := self._poll.poll(0):
            for file, _ in ready:
                self._handle(file)

    def _listen(self, container: Container, port: Port) -> None:
        kind, protocol = TYPES[port.protocol]
        opened = socket.socket(socket.AF_INET, kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, protocol)
        try:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(kind == socket.SOCK_STREAM))
            opened.bind(("", port.number))
            if kind == socket.SOCK_STREAM:
                opened.listen(BACKLOG)
        except OSError:
            opened.close()
            raise
        with self.lock:
            container.sockets.append(opened)
            container.ports |= {port}
            self._containers[opened.fileno()] = opened, container
            self._poll.register(opened, select.EPOLLIN)
        container.say(f"listening on {port.protocol} port {port.number}")

    def _answer(self) -> None:
        while True:
            self._poll.poll()
            with self.lock:
                self.pump()

    def _handle(self, file: int) -> None:
        if file in self._containers:
            listener, container = self._containers[file]
            if listener.type == socket.SOCK_STREAM:
                self._accept(listener, container)
            else:
                self._answer_datagrams(listener, container)
        elif file in self._connections:
            self._answer_stream(file)

    def _accept(self, listener: socket.socket, container: Container) -> None:
        with suppress(OSError):
            while True:
                accepted, peer = listener.accept()
                accepted.setblocking(False)
                port = listener.getsockname()[1]
                container.say(f"accepted a connection from {peer[0]} on port {port}")
                if len(self._connections) >= CONNECTIONS:
                    self._close(next(iter(self._connections)))
                self._connections[accepted.fileno()] = accepted, container, port
                self._poll.register(accepted, select.EPOLLIN)

    def _answer_stream(self, file: int) -> None:
        connection, container, port = self._connections[file]
        try:
            data = connection.recv(DATA_BYTES)
            if not data:
                self._close(file)
            elif data.startswith((b"GET ", b"HEAD ")):
                body = container.answer(port, b"")
                head = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n"
                connection.send(f"{head}Connection: close\r\n\r\n".encode() + (body if data[0] == ord("G") else b""))
                self._close(file)
            else:
                self.heard[data] = container.pod
                connection.send(container.answer(port, data))
        except BlockingIOError:
            pass
        except OSError:
            self._close(file)

    def _answer_datagrams(self, listener: socket.socket, container: Container) -> None:
        with suppress(BlockingIOError):
            while True:
                try:
                    data, peer = listener.recvfrom(DATA_BYTES)
                    self.heard[data] = container.pod
                    listener.sendto(container.answer(listener.getsockname()[1], data), peer)
                except BlockingIOError:
                    raise
                except OSError:
                    continue  # an ICMP message, or nowhere to answer to

    def _close(self, file: int) -> None:
        connection, _, _ = self._connections.pop(file)
        connection.close()
