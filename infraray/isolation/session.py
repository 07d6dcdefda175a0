"""A long-lived sandbox with a folder on disk: programs of an agent are started in it, one after the other.

Its namespaces, files and limits are those of `Sandbox`, for all of its processes together and for as long as it lives.
What it has in addition: a folder that stays, further read-only folders, and a listening socket in its own network,
which has only a loopback interface: whoever serves on that socket from outside is all that can be reached from inside.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infraray.errors import InfrarayError
from infraray.isolation import memory_group, seccomp
from infraray.isolation.bubblewrap import ENVIRONMENT, NOBODY
from infraray.isolation.caller import unprivileged
from infraray.isolation.inside.supervisor import MESSAGE_BYTES
from infraray.isolation.limits import Limits
from infraray.isolation.packages import binds, interpreter, is_open
from infraray.isolation.running import Nest, Running

START_S = 30.0

LOOK_S, LOOK_WITH_GROUP_S = 0.1, 0.5
"""Seconds between looks at what its processes use; where the kernel counts memory, fewer are needed."""

DISK_LOOK_S = 1.0
MOST_FILES = 200_000
COMMAND_LINE_BYTES = 4096
FILE_BYTES = 4096
"""What a file takes at least."""

SETTLING_S = 1.5
"""Seconds that the kernel may take to give back what ended processes have used."""

FORGIVEN = 3
"""How often a limit that all processes share is answered by ending them, before it ends the sandbox."""

_RELAY = Path(__file__).with_name("relay.py")
_SUPERVISOR = Path(__file__).with_name("inside") / "supervisor.py"
_CUT_LINE = 2**20


@dataclass(frozen=True)
class Shown:
    """What a session shows beside the system.

    Args:
        writable: folders of this machine by their paths inside; they belong to the session's user from then on.
        readable: folders and files of this machine by their paths inside, read-only.
        devices: device files, such as a GPU's.
    """

    writable: Mapping[str, Path]
    readable: Mapping[str, Path] = field(default_factory=dict)
    devices: Sequence[Path] = ()


@dataclass(frozen=True)
class Printed:
    """A line that a program printed, without its end."""

    text: str
    is_error: bool = False


@dataclass(frozen=True)
class Exit:
    """A program's end, with its code as in a shell."""

    code: int


class Session:
    """The sandbox. `end` must be called in any case.

    Args:
        limits: for all processes together, ``wall_s`` for its whole life; ``file_bytes`` for each file.
        disk_bytes: what its writable folders may hold.
        shown: its files.
        folder: the current folder of its programs.
        told: called, in the event loop, with each limit that is reached: ``processes``, ``memory``, ``cpu``, ``disk``.
            All processes are ended then; at the third time, or where that does not help, the session is.
    """

    def __init__(
        self,
        limits: Limits,
        disk_bytes: int,
        shown: Shown,
        folder: str,
        told: Callable[[str], None] = lambda limit: None,
    ) -> None:
        self._limits = limits
        self._disk_bytes = disk_bytes
        self._shown = shown
        self._folder = folder
        self._told = told
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Queue[dict[str, Any]]] = {}
        self._control: socket.socket | None = None
        self._connector: socket.socket | None = None
        self._relays: list[subprocess.Popen[bytes]] = []
        self._running: Running | None = None
        self._strikes: dict[str, int] = {}
        self._cleared = -SETTLING_S
        self._group: memory_group.MemoryGroup | None = None
        self.ended_by: str | None = None
        """The limit that ended it; None while it lives, and if nothing did but `end` or its first process."""
        self.listener: socket.socket | None = None
        """A socket that listens on its loopback interface."""
        self.port = 0
        """The listener's port."""

    async def start(self) -> None:
        """Starts it.

        Raises:
            InfrarayError: this machine cannot isolate it.
        """
        self._loop = asyncio.get_running_loop()
        self.over = asyncio.Event()
        for place in self._shown.writable.values():
            _give(place)
        await asyncio.to_thread(self._begin)
        assert self._control is not None
        self._control.setblocking(False)
        self._loop.add_reader(self._control, self._receive)
        self._watch = threading.Thread(target=self._watch_it, daemon=True)
        self._watch.start()
        self._disk = asyncio.create_task(self._watch_disk())

    async def write(self, path: Path, text: str) -> None:
        """Writes a file inside, as its user."""
        pieces = [text[start : start + 8192] for start in range(0, max(1, len(text)), 8192)]
        for number, piece in enumerate(pieces):
            await self._order({"do": "write", "path": str(path), "text": piece, "mode": "a" if number else "w"})

    async def run(
        self,
        argv: Sequence[str],
        env: Mapping[str, str],
        given: str,
        names: Callable[[int], None] = lambda number: None,
    ) -> AsyncIterator[Printed | Exit]:
        """Starts a program and yields its lines, and at last its end.

        Args:
            argv: program and arguments.
            env: variables beside those of every sandbox.
            given: its standard input.
            names: told the number by which `stop` ends it.
        """
        number = next(self._numbers)
        names(number)
        news = self._waiting[number] = asyncio.Queue()
        variables = {**ENVIRONMENT, "PWD": self._folder, **env}
        order = {"do": "start", "id": number, "argv": list(argv), "env": variables, "cwd": self._folder, "stdin": given}
        await self._order(order)
        lines = {"out": _Lines(), "err": _Lines()}
        try:
            while True:
                told = await news.get()
                if told["kind"] == "exit":
                    for kind, rest in lines.items():
                        for line in rest.close():
                            yield Printed(line, kind == "err")
                    yield Exit(told["code"])
                    return
                for line in lines[told["kind"]].feed(told["text"].encode("latin-1")):
                    yield Printed(line, told["kind"] == "err")
        finally:
            del self._waiting[number]

    async def stop(self, number: int) -> None:
        """Ends a program and what it started, except what left its session."""
        await self._order({"do": "kill", "id": number})

    async def clear(self) -> None:
        """Ends all processes."""
        await self._order({"do": "clear"})

    async def relay(self, port: int) -> int:
        """A port of this machine, on its loopback interface, that leads to a port of the sandbox's network.

        A process of its own passes the bytes on, so that it waits for nobody; it ends with the session.

        Raises:
            InfrarayError: it does not start.
        """
        assert self._connector is not None
        with socket.create_server(("127.0.0.1", 0), backlog=1024) as listening:
            numbers = [str(one.fileno()) for one in (listening, self._connector)]
            relay = subprocess.Popen(
                [sys.executable, "-I", "-B", str(_RELAY), *numbers, str(port)],
                stdin=subprocess.PIPE,
                pass_fds=[listening.fileno(), self._connector.fileno()],
                env={},
                cwd="/",
                start_new_session=True,
            )
            self._relays.append(relay)
            return int(listening.getsockname()[1])

    def processes(self) -> list[str]:
        """The command lines of its processes, without our own; empty once it has ended."""
        running, found = self._running, []
        with suppress(OSError):
            proc = f"/proc/{running.init}/root/proc" if running is not None else ""
            for name in os.listdir(proc) if proc else ():
                if name.isdigit() and name != "1":
                    with suppress(OSError), open(f"{proc}/{name}/cmdline", "rb") as file:
                        words = file.read(COMMAND_LINE_BYTES).decode(errors="replace").split("\0")
                        found.append(" ".join(words).strip())
        return [words for words in found if words]

    async def end(self) -> None:
        """Ends it with everything in it. May be called twice."""
        if self._running is None:
            return
        running, self._running = self._running, None
        running.kill()
        if self._control is not None:
            self._loop.remove_reader(self._control)
            self._disk.cancel()
            await asyncio.to_thread(self._watch.join)
            self._control.close()
        for own in (self.listener, self._connector):
            if own is not None:
                own.close()
        for relay in self._relays:
            relay.kill()
            await asyncio.to_thread(relay.wait)
            assert relay.stdin is not None
            relay.stdin.close()
        await asyncio.to_thread(running.end)
        if self._group is not None:
            self._group.close()
        self._close_all()

    def _begin(self) -> None:
        python = interpreter()
        shown = self._shown
        arguments = list(binds(python))
        for inside, place in shown.readable.items():
            if not is_open(place):
                raise InfrarayError(
                    f"isolation: {place} cannot be read by the sandbox's user, nobody; open it and the folders above "
                    "it to others"
                )
            arguments += ["--ro-bind", str(place), inside]
        for inside, place in shown.writable.items():
            arguments += ["--bind", str(place), inside]
        for device in shown.devices:
            arguments += ["--dev-bind", str(device), str(device)]
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        connector, their_connector = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        for end in (ours, theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * MESSAGE_BYTES)
        files = {"/supervisor.py": _SUPERVISOR.read_bytes()}
        rules = seccomp.program(seccomp.architecture())
        nest = Nest(rules, tuple(arguments), files, (theirs.fileno(), their_connector.fileno()), is_first=True)
        self._group = memory_group.make(self._limits.memory_bytes)
        running = Running(self._limits, "none", nest, self._group)
        try:
            with theirs, their_connector:
                numbers = f"{theirs.fileno()} {their_connector.fileno()}"
                running.start(f"exec {python} -I -B -u /supervisor.py {numbers}", b"")
            ours.settimeout(START_S)
            hello, descriptors, _, _ = socket.recv_fds(ours, MESSAGE_BYTES, 1)
        except OSError:
            hello, descriptors = b"", []
        except BaseException:
            running.end()
            raise
        if not descriptors:
            ours.close()
            connector.close()
            running.end()
            said = running.finished().output.strip().splitlines() or ["without a word"]
            raise InfrarayError(f"isolation: the session did not come up ({said[-1]})")
        self._control, self._connector, self._running = ours, connector, running
        self.listener = socket.socket(fileno=descriptors[0])
        self.port = json.loads(hello)["port"]

    async def _order(self, order: dict[str, Any]) -> None:
        if self._control is None or self.over.is_set():
            self._close_all()
            return
        message = json.dumps(order).encode()
        if len(message) > MESSAGE_BYTES:
            raise InfrarayError(f"isolation: an order of {len(message)} bytes; at most {MESSAGE_BYTES} are possible")
        try:
            await self._loop.sock_sendall(self._control, message)
        except OSError:
            self._close_all()

    def _receive(self) -> None:
        """Hands on what has arrived."""
        assert self._control is not None
        try:
            message = self._control.recv(2 * MESSAGE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            message = b""
        if not message:
            self._loop.remove_reader(self._control)
            self._close_all()
            return
        told = json.loads(message)
        if (waiting := self._waiting.get(told["id"])) is not None:
            waiting.put_nowait(told)

    def _close_all(self) -> None:
        """Whoever waits for something inside is told that it is over."""
        self.over.set()
        for waiting in self._waiting.values():
            waiting.put_nowait({"kind": "exit", "code": 128 + 9})

    def _watch_it(self) -> None:
        running = self._running
        assert running is not None
        interval_s = LOOK_S if self._group is None else LOOK_WITH_GROUP_S
        began = time.monotonic()
        with suppress(InfrarayError):  # it cannot be measured any more: it is ended
            running.watch(self._forgives, interval_s)
        if self.ended_by is None and time.monotonic() - began >= self._limits.wall_s:
            self.ended_by = "time"
        running.kill()
        with suppress(RuntimeError):  # the loop may have ended before us
            self._loop.call_soon_threadsafe(self._close_all)

    def _forgives(self, limit: str) -> bool:
        """Ends all processes for a limit that they have reached together, or else the session."""
        if time.monotonic() - self._cleared < SETTLING_S:
            return True
        self._strikes[limit] = self._strikes.get(limit, 0) + 1
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._told, limit)
        if self._strikes[limit] > FORGIVEN or limit == "cpu":
            self.ended_by = limit
            return False
        with suppress(OSError):
            assert self._control is not None
            self._control.send(json.dumps({"do": "clear"}).encode())
        self._cleared = time.monotonic()
        return True

    async def _watch_disk(self) -> None:
        places = [str(place) for place in self._shown.writable.values()]
        while not self.over.is_set():
            await asyncio.sleep(DISK_LOOK_S)
            used = await asyncio.to_thread(used_bytes, places, self._disk_bytes)
            if used > self._disk_bytes and not self._forgives_disk():
                return

    def _forgives_disk(self) -> bool:
        self._strikes["disk"] = self._strikes.get("disk", 0) + 1
        self._told("disk")
        if self._strikes["disk"] > FORGIVEN:
            self.ended_by = "disk"
            if self._running is not None:
                self._running.kill()
            return False
        with suppress(OSError):
            assert self._control is not None
            self._control.send(json.dumps({"do": "clear"}).encode())
        return True


def used_bytes(folders: Sequence[str], enough: int) -> int:
    """What files in folders take on disk; counting stops above ``enough``. Nothing in them is followed or opened."""
    used, files, waiting = 0, 0, list(folders)
    while waiting:
        try:
            with os.scandir(waiting.pop()) as found:
                for entry in found:
                    files += 1
                    with suppress(OSError):
                        status = entry.stat(follow_symlinks=False)
                        used += max(FILE_BYTES, status.st_blocks * 512)
                        if stat.S_ISDIR(status.st_mode):
                            waiting.append(entry.path)
                    if used > enough or files > MOST_FILES:
                        return enough + 1
        except OSError:
            continue
    return used


class _Lines:
    """Cuts a stream into lines of at most `_CUT_LINE` bytes."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, piece: bytes) -> list[str]:
        """The lines that end in a piece."""
        self._rest += piece
        *lines, rest = self._rest.split(b"\n")
        if len(rest) > _CUT_LINE:
            lines, rest = [*lines, rest], bytearray()
        self._rest = rest
        return [line[:_CUT_LINE].decode(errors="replace").removesuffix("\r") for line in lines]

    def close(self) -> list[str]:
        """The last line, if it has no end."""
        return [self._rest.decode(errors="replace")] if self._rest else []


def _give(folder: Path) -> None:
    """Gives a folder to the user as whom a session runs, who must also be able to reach it."""
    if not unprivileged():
        return
    os.chown(folder, NOBODY, NOBODY)
    for above in folder.parents[:2]:
        if not above.stat().st_mode & 0o001:
            above.chmod(above.stat().st_mode | 0o011)
