"""Watches in /proc whom a server's processes talk to while it works (Linux)."""

from __future__ import annotations

import ipaddress
import json
import os
import select
import socket
import struct
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from infraray.engines.supervisor import descendants, has_ended

INTERVAL_S = 0.05
"""Seconds between two looks, or longer if a look takes long."""
LEAST_LOOKS = 3
"""The fewest looks that say anything about a load."""
SHORT_S = 2.0
"""Looks to make even if the load is shorter than they take, by continuing after it."""
FIRST_LOOKS = 10
"""Looks made at the full rate at any cost, so that a short load is watched too."""
PROCESSOR_SHARE = 0.05
"""Share of a core that looking may take. Time spent waiting for a core, which the engine may occupy, does not count,
or else there would be too few looks."""

_ESTABLISHED = "01"
_SOCK_DIAG_BY_FAMILY = 20
_REQUEST_AND_DUMP = 0x301
_UDIAG_SHOW_PEER = 4
_UNIX_DIAG_PEER = 2

Address = tuple[str, int]


@dataclass(frozen=True)
class OutsideConnection:
    """A connection from one of the server's processes to an outside process.

    Args:
        process: the name of the server's process.
        protocol: tcp, udp or unix.
        remote: the other end, such as ``10.0.0.7:443``; for unix sockets the other process.
    """

    process: str
    protocol: str
    remote: str


@dataclass(frozen=True)
class ConnectionLog:
    """The result of a watch.

    Args:
        seconds: the duration of the watch.
        looks: the number of looks.
        with_outside: the number of looks that found an outside connection.
        seen: the number of looks that found each connection.
        failure: why the watch ended early; None if it did not.
    """

    seconds: float
    looks: int
    with_outside: int
    seen: Mapping[OutsideConnection, int]
    failure: str | None = None

    @property
    def outside_s(self) -> float:
        """The approximate time that the server was connected to the outside."""
        return self.seconds * self.with_outside / self.looks if self.looks else 0.0


class ConnectionWatch:
    """Looks up to twenty times a second, as a context manager.

    It runs in its own process: a thread would hold the interpreter while waiting for a core that the engine may
    occupy, and the measuring client would wait with it.

    Args:
        pid: the ancestor of all the server's processes.
        port: the server's port; whoever connects to it is a client.
    """

    def __init__(self, pid: int, port: int) -> None:
        self.log = ConnectionLog(0.0, 0, 0, {}, "it is not over")
        """The result, once the context is left."""
        self._command = [sys.executable, "-m", __name__, str(pid), str(port)]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # The child can import what this process can.
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            start_new_session=True,
        )
        assert self._process.stdout is not None
        self._process.stdout.readline()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        told, _ = self._process.communicate()
        try:
            said = json.loads(told)
            seen = {OutsideConnection(*one): count for one, count in said["seen"]}
            self.log = ConnectionLog(**{**said, "seen": seen})
        except (ValueError, LookupError):
            self.log = replace(self.log, failure=f"exit status {self._process.returncode}")


class SealedNetwork:
    """Stands for a watch, as a context manager, on a server in a network of its own from which nothing can be reached.

    Such a network has a loopback interface alone, and the server's sockets of the file system end in its sandbox
    (`infraray.isolation.session`): there is nobody whom it could be connected to, whenever one looks.
    """

    def __init__(self) -> None:
        self.log = ConnectionLog(0.0, 0, 0, {}, "it is not over")

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        self.log = ConnectionLog(time.monotonic() - self._began, LEAST_LOOKS, 0, {})


def look_on(pid: int, port: int, over: IO[bytes]) -> ConnectionLog:
    """Looks until ``over`` reaches its end, or a look fails."""
    looks, with_outside, failure, pause_s = 0, 0, None, INTERVAL_S
    seen: Counter[OutsideConnection] = Counter()
    began = time.monotonic()
    try:
        while True:
            is_over = bool(select.select([over], [], [], pause_s)[0])
            if is_over and (looks >= LEAST_LOOKS or time.monotonic() - began > SHORT_S):
                break
            if is_over:
                time.sleep(pause_s)
            began_s = time.thread_time()
            found = outside_connections(pid, port)
            looks += 1
            with_outside += bool(found)
            seen.update(found)
            if looks >= FIRST_LOOKS:
                pause_s = max(INTERVAL_S, (time.thread_time() - began_s) / PROCESSOR_SHARE)
    except Exception as error:
        # Otherwise the looks so far would stand for the whole load.
        failure = f"{type(error).__name__}: {error}"
    return ConnectionLog(time.monotonic() - began, looks, with_outside, dict(seen), failure)


def outside_connections(pid: int, port: int) -> set[OutsideConnection]:
    """The currently established connections between ``pid`` or its descendants and anybody else.

    Clients of ``port`` are left out.

    Raises:
        PermissionError: a process hides its connections.
    """
    owners = _owners([pid, *descendants(pid)])
    found = set()
    for table, rows in _internet_sockets(set(owners.values())):
        mine = [(local, remote, owners[inode]) for local, remote, inode in rows if inode in owners]
        ends = {(local, remote) for local, remote, _ in mine}
        for local, remote, owner in mine:
            if local[1] != port and (remote, local) not in ends:
                host, number = remote
                found.add(OutsideConnection(_name(owner), table.rstrip("6"), f"{host}:{number}"))
    for inode, peer in _unix_peers().items():
        if inode in owners and peer not in owners:
            found.add(OutsideConnection(_name(owners[inode]), "unix", f"socket {peer}"))
    return found


def _owners(pids: list[int]) -> dict[int, int]:
    """The process that holds each socket, by the socket's inode."""
    owners = {}
    for pid in pids:
        try:
            entries = list(os.scandir(f"/proc/{pid}/fd"))
        except PermissionError:
            if has_ended(pid):
                continue
            raise
        except OSError:
            continue
        for entry in entries:
            with suppress(OSError, ValueError):
                kind, _, inode = os.readlink(entry.path).partition(":")
                if kind == "socket":
                    owners[int(inode.strip("[]"))] = pid
    return owners


def _internet_sockets(pids: set[int]) -> Iterator[tuple[str, list[tuple[Address, Address, int]]]]:
    """Connected sockets (local, remote, inode) of each table, in each network namespace of the processes."""
    spaces: dict[str, int] = {}
    for pid in pids:
        with suppress(OSError):
            spaces.setdefault(os.readlink(f"/proc/{pid}/ns/net"), pid)
    for pid in spaces.values():
        for protocol in ("tcp", "udp"):
            rows = []
            for table in (protocol, f"{protocol}6"):
                with suppress(OSError):
                    for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
                        fields = line.split()
                        if fields[3] == _ESTABLISHED:
                            rows.append((_address(fields[1]), _address(fields[2]), int(fields[9])))
            yield protocol, rows


def _address(text: str) -> Address:
    """Reads ``0100007F:1F90``: words of 32 bits in the machine's order, then the port."""
    digits, _, port = text.partition(":")
    words = [int(digits[place : place + 8], 16) for place in range(0, len(digits), 8)]
    address = ipaddress.ip_address(struct.pack(f"={len(words)}I", *words))
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address), int(port, 16)


def _unix_peers() -> dict[int, int]:
    """The other end of each connected unix socket in this network namespace, by inode; /proc does not show it."""
    peers: dict[int, int] = {}
    body = struct.pack("=BBHIIIII", socket.AF_UNIX, 0, 0, 0xFFFFFFFF, 0, _UDIAG_SHOW_PEER, 0xFFFFFFFF, 0xFFFFFFFF)
    head = struct.pack("=IHHII", 16 + len(body), _SOCK_DIAG_BY_FAMILY, _REQUEST_AND_DUMP, 1, 0)
    with suppress(OSError), socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4) as netlink:
        netlink.send(head + body)
        while True:
            data = netlink.recv(65_536)
            place = 0
            while place < len(data):
                length, kind = struct.unpack_from("=IH", data, place)
                if kind != _SOCK_DIAG_BY_FAMILY:
                    return peers
                inode = struct.unpack_from("=I", data, place + 20)[0]
                attribute = place + 32
                while attribute + 4 <= place + length:
                    size, name = struct.unpack_from("=HH", data, attribute)
                    if name == _UNIX_DIAG_PEER:
                        peers[inode] = struct.unpack_from("=I", data, attribute + 4)[0]
                    attribute += max(4, (size + 3) & ~3)
                place += (length + 3) & ~3
    return peers


def _name(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return str(pid)


def main() -> None:
    """Watches on behalf of a `ConnectionWatch`, which holds the other ends of standard input and output."""
    print("ready", flush=True)
    log = look_on(int(sys.argv[1]), int(sys.argv[2]), sys.stdin.buffer)
    print(json.dumps({**vars(log), "seen": [[astuple(one), count] for one, count in log.seen.items()]}), flush=True)


if __name__ == "__main__":
    main()
