"""Measures which connections succeed, from inside the pods, all at once and without starting a process.

A connection succeeds if the source's socket is connected, over TCP, or has sent, over UDP, and a container of ours
answers a number that nobody else can know. Nothing waits for a time-out, see `infraray.emulators.inside.fence`:
once every packet has arrived or is lost, what is not connected is blocked. Every attempt has a socket and a random port
of its own, so that no tracked connection stands for it.
"""

from __future__ import annotations

import errno
import os
import random
import select
import socket
import struct
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from infraray.emulators.inside.fence import Fence, one_processor
from infraray.emulators.inside.namespaces import NetworkNamespace

from .listeners import TYPES, UNKNOWN_PROTOCOL, Listeners
from .node_agent import RunningPod

ROUNDS = 3
"""A connection that does not succeed in this many attempts is blocked; the computer may lose a packet."""

ECHOES = 12
"""A connection takes three packets over two cables each, and data and its answer as many."""

PACKETS_AT_ONCE = 128
"""Attempts that begin before waiting: a processor has a queue of 1000 packets, which others use too."""

PORTS = range(1024, 65536)

DOMAIN = "svc.cluster.local"


@dataclass
class Attempt:
    """An attempt to connect.

    Args:
        source: ``namespace/name`` of the pod that opens it.
        host: an address, or the name of a service as the pod says it.
        port: the port.
        protocol: TCP, UDP or SCTP.
        found: what became of it: ``open``, ``blocked``, ``refused``, ``unreachable``, ``unknown host`` or
            ``unsupported``; ``silent`` if what was connected does not answer as a container does.
        answered: ``namespace/name`` of the pod that answered.
    """

    source: str
    host: str
    port: int
    protocol: str
    found: str = "blocked"
    answered: str = ""
    secret: bytes = field(default_factory=lambda: os.urandom(12).hex().encode())


class Prober:
    """Attempts connections. Make and use it in a thread that is in the node's network.

    Args:
        listeners: what answers in the pods.
        home: the node's network.
    """

    def __init__(self, listeners: Listeners, home: NetworkNamespace) -> None:
        self._listeners = listeners
        self._home = home
        self._fence = Fence(ECHOES)

    def measure(self, attempts: Sequence[Attempt], pods: Mapping[str, RunningPod], services: Mapping[str, str]) -> None:
        """Notes at each attempt what became of it.

        Args:
            attempts: the attempts; their sources run.
            pods: the running pods, by ``namespace/name``.
            services: addresses of the services, likewise.

        Raises:
            Overloaded: the computer is too busy to tell.
        """
        addressed = []
        for attempt in attempts:
            address = resolve(attempt.host, attempt.source.partition("/")[0], services)
            attempt.found = "blocked" if address else "unknown host"
            if address:
                addressed.append((attempt, address))
        with self._listeners.lock, one_processor():
            for number in range(ROUNDS):
                for first in range(0, len(addressed), PACKETS_AT_ONCE):
                    self._attempt(addressed[first : first + PACKETS_AT_ONCE], pods)
                # What was refused or found nowhere was an answer.
                addressed = [
                    (attempt, address) for attempt, address in addressed if attempt.found in ("blocked", "silent")
                ]
                if not addressed or number == ROUNDS - 1:
                    break

    def _attempt(self, addressed: Iterable[tuple[Attempt, str]], pods: Mapping[str, RunningPod]) -> None:
        with ExitStack() as opened:
            begun = []
            by_source: dict[str, list[tuple[Attempt, str]]] = {}
            for attempt, address in addressed:
                by_source.setdefault(attempt.source, []).append((attempt, address))
            for source, own in by_source.items():
                with pods[source].network.namespace.entered(self._home):
                    for attempt, address in own:
                        if (client := _begin(attempt, address)) is not None:
                            begun.append((attempt, opened.enter_context(client)))
            self._fence.settle()
            asked = [(attempt, client) for attempt, client in begun if _is_connected(attempt, client)]
            for attempt, client in asked:
                with suppress(OSError):
                    if attempt.protocol != "UDP":
                        client.send(attempt.secret)
            self._fence.settle()
            self._listeners.pump()
            self._fence.settle()
            for attempt, client in asked:
                _read(attempt, client, self._listeners.heard)


def resolve(host: str, namespace: str, services: Mapping[str, str]) -> str | None:
    """The address of a host as a pod of a namespace resolves it; None if there is none of that name."""
    with suppress(ValueError):
        return str(IPv4Address(host))
    name = host.rstrip(".").removesuffix(f".{DOMAIN}").removesuffix(".svc")
    first, _, second = name.partition(".")
    return services.get(f"{second or namespace}/{first}")


def hosts(namespace: str, services: Mapping[str, str]) -> bytes:
    """The same as a hosts file, for what runs in a pod of a namespace."""
    lines = ["127.0.0.1 localhost"]
    for key, address in sorted(services.items()):
        of, _, name = key.partition("/")
        short = f" {name}" if of == namespace else ""
        lines.append(f"{address} {name}.{of}.{DOMAIN} {name}.{of}.svc {name}.{of}{short}")
    return ("\n".join(lines) + "\n").encode()


def _begin(attempt: Attempt, address: str) -> socket.socket | None:
    """A socket in the calling thread's network that has begun to connect; None if that has failed already."""
    kind, protocol = TYPES[attempt.protocol]
    try:
        client = socket.socket(socket.AF_INET, kind | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, protocol)
    except OSError as error:
        if error.errno not in UNKNOWN_PROTOCOL:
            raise
        attempt.found = "unsupported"
        return None
    try:
        if attempt.protocol == "TCP":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # no TIME_WAIT
        for _ in range(100):
            with suppress(OSError):
                client.bind(("", random.choice(PORTS)))
                break
        client.connect((address, attempt.port))
        if attempt.protocol == "UDP":
            client.send(attempt.secret)
    except BlockingIOError:
        pass
    except OSError as error:
        attempt.found = _said(error.errno)
        client.close()
        return None
    return client


def _is_connected(attempt: Attempt, client: socket.socket) -> bool:
    """Whether a connection was made; otherwise notes why not."""
    code = client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code:
        attempt.found = _said(code)
        return False
    if attempt.protocol == "UDP":
        attempt.found = "blocked"  # until an answer comes
        return True
    poll = select.poll()
    poll.register(client, select.POLLOUT)
    connected = bool(poll.poll(0))
    attempt.found = "silent" if connected else "blocked"
    return connected


def _read(attempt: Attempt, client: socket.socket, heard: Mapping[bytes, str]) -> None:
    """Reads what a container has answered; another program could answer the same, but has not heard the secret here."""
    try:
        answer = client.recv(4096)
    except BlockingIOError:
        return
    except OSError as error:
        attempt.found = _said(error.errno)
        return
    pod = heard.get(attempt.secret, "")
    who, _, said = answer.partition(b"\n")
    if pod and said == attempt.secret and who.decode(errors="replace").partition(" ")[0] == pod:
        attempt.found, attempt.answered = "open", pod


def _said(code: int | None) -> str:
    """What an error of a connection means."""
    if code == errno.ECONNREFUSED or code == errno.ECONNRESET:
        return "refused"
    return "blocked" if code == errno.ETIMEDOUT else "unreachable"
