"""A warm Python interpreter that runs code written by an LLM: imports once, forks a fresh child for each request.

The interpreter lives in a sandbox with chosen packages, runs only a module of ours, and never sees a request. Each
child makes its own user, mount, pid, network, ipc, uts and cgroup namespaces inside that sandbox, has a private /tmp
and /proc, no capabilities, and the filter of every sandbox, which here blocks sockets as well; only then does it read
the request. From outside it is watched like a command, through the kernel's handle on its first process, whose end
ends everything in it.
"""

from __future__ import annotations

import functools
import json
import math
import os
import select
import signal
import socket
import struct
import threading
import time
import weakref
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from errno import EPERM
from pathlib import Path
from typing import Any

from infraray.errors import InfrarayError
from infraray.isolation import seccomp
from infraray.isolation.limits import Limits
from infraray.isolation.output import printable
from infraray.isolation.packages import FOLDER, binds, interpreter, package_binds
from infraray.isolation.running import Nest, Running
from infraray.isolation.watcher import Watcher

START_S = 120.0
"""Seconds that starting and preparing may take on a very busy computer."""

CHILD_S = 30.0
"""Seconds that a child may take to get ready for its request, and to be gone after it was killed."""

HEAD = struct.Struct(">I")

TAKEN_BYTES = 2**20

_INSIDE = Path(__file__).with_name("inside")
_AT = "/warm"
_CHILDREN = 64
"""Children at a time for which the kernel's limit on the interpreter leaves room."""

_NESTING = ("unshare", "mount")
"""System calls that the interpreter needs in addition to a command's, to make a child's namespaces."""


@dataclass(frozen=True)
class Answered:
    """The result of a request.

    Args:
        reply: the module's answer, written by a process in which untrusted code ran; None if there is no complete
            reply.
        printed: standard output and error, bounded, without terminal sequences and control characters.
        ended: the limit that ended it (``time``, ``cpu``, ``memory``, ``processes``, ``output``, ``reply``), or
            ``exit`` or ``signal`` if it ended by itself without a reply; None if there is one.
        code: the exit code, or the signal's number.
        wall_s: seconds from the request to the reply, or to the end.
    """

    reply: bytes | None
    printed: str
    ended: str | None
    code: int | None
    wall_s: float


class WarmPython:
    """A warm interpreter, started by the first request and restarted if somebody has killed it.

    Thread-safe; the threads' children run in parallel. As a context manager it closes itself.

    Args:
        module: a file that imports only the standard library and ``packages``, with ``prepare(given) -> prepared``,
            called once, and ``answer(prepared, request) -> reply``, called in a child; all but ``prepared`` are bytes.
        packages: the interpreter's packages besides the standard library, by their names in pip.
        given: the argument of ``prepare``.
        limits: the limits of each child; memory shared with the interpreter counts too.
        reply_bytes: the longest reply.
    """

    def __init__(
        self, module: Path, packages: tuple[str, ...], given: bytes, limits: Limits, reply_bytes: int = 2**24
    ) -> None:
        self.limits = limits
        self._module = module
        self._packages = packages
        self._given = given
        self._reply_bytes = reply_bytes
        self._lock = threading.Lock()
        self._control: socket.socket | None = None
        self._end: weakref.finalize[Any, Any] | None = None
        self._owner = os.getpid()

    def run(self, request: bytes) -> Answered:
        """Answers a request in its own child.

        Raises:
            InfrarayError: this machine cannot isolate it; nothing was run.
        """
        with ExitStack() as opened:
            child = _Child(opened, self.limits, self._reply_bytes)
            self._fork(child.descriptors)
            try:
                child.take_hold()
                child.ask(request)
            finally:
                child.end()
            return child.answered()

    def close(self) -> None:
        """Ends the interpreter and all its children. May be called twice; a request restarts it."""
        with self._lock:
            self._stop()

    def __enter__(self) -> WarmPython:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _fork(self, descriptors: list[int]) -> None:
        with self._lock:
            if self._owner != os.getpid():
                self._control = self._end = None  # the interpreter is another process's, which this is a fork of
                self._owner = os.getpid()
            if self._control is not None:
                try:
                    socket.send_fds(self._control, [b"\n"], descriptors)
                    return
                except OSError:
                    self._stop()  # it was killed
            self._start()
            assert self._control is not None
            socket.send_fds(self._control, [b"\n"], descriptors)

    def _start(self) -> None:
        python = interpreter()
        shown = (*binds(python), *package_binds(self._packages))
        inside = {f"{_AT}/inside/{path.name}": path.read_bytes() for path in _INSIDE.glob("*.py")}
        files = {**inside, f"{_AT}/module.py": self._module.read_bytes()}
        ours, theirs = socket.socketpair()
        nest = Nest(_filter(nesting=True), shown, files, (theirs.fileno(),))
        running = Running(_interpreter_limits(self.limits), "none", nest)
        # So that the order of sets, and programs that depend on it, are the same in every interpreter.
        settings = f"PYTHONHASHSEED=0 OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 PYTHONPATH={_AT}:{FOLDER}"
        try:
            with theirs:
                running.start(f"{settings} exec {python} -P -s -B -u -m inside {theirs.fileno()}", b"")
            ours.settimeout(START_S)
            for frame in (json.dumps(_settings(self.limits)).encode(), self._given):
                ours.sendall(HEAD.pack(len(frame)) + frame)
            ready = ours.recv(1)
        except OSError:
            ready = b""
        except BaseException:
            running.end()
            raise
        if not ready:
            ours.close()
            running.end()
            said = running.finished().output.strip().splitlines() or ["without a word"]
            raise InfrarayError(f"isolation: the interpreter did not come up ({said[-1]})")
        ours.settimeout(None)
        self._control = ours
        self._end = weakref.finalize(self, _end, running, ours, os.getpid())

    def _stop(self) -> None:
        if self._end is not None:
            self._end()
        self._control = self._end = None


class _Child:
    """One child, from outside.

    Args:
        opened: closes what is opened here.
        limits: of the child.
        reply_bytes: the longest reply.
    """

    def __init__(self, opened: ExitStack, limits: Limits, reply_bytes: int) -> None:
        self._opened = opened
        self._limits = limits
        self._reply_bytes = reply_bytes
        self._stream, theirs = map(opened.enter_context, socket.socketpair())
        self._warden, wardens = map(opened.enter_context, socket.socketpair())
        reading, writing = os.pipe()
        self._output = opened.enter_context(os.fdopen(reading, "rb", buffering=0))
        self._theirs = (theirs, opened.enter_context(os.fdopen(writing, "wb", buffering=0)), wardens)
        os.set_blocking(reading, False)
        self._process = -1
        self._received = bytearray()
        self._printed = bytearray()
        self._ended: str | None = None
        self._code: int | None = None
        self._wall_s = 0.0

    @property
    def descriptors(self) -> list[int]:
        """The child's ends, in the order of `infraray.isolation.inside`."""
        return [each.fileno() for each in self._theirs]

    def take_hold(self) -> None:
        """Receives the handle on the child's first process, and waits until that has given up its rights.

        Raises:
            InfrarayError: no child came.
        """
        for end in self._theirs:
            end.close()
        self._warden.settimeout(CHILD_S)
        self._stream.settimeout(CHILD_S)
        try:
            message, files, _, _ = socket.recv_fds(self._warden, 4096, 1)
            if not files:
                raise InfrarayError(f"isolation: no child was made ({printable(message) or 'the interpreter is gone'})")
            self._process = files[0]
            self._opened.callback(os.close, files[0])
            if not self._stream.recv(1):
                raise InfrarayError("isolation: a child could not give up its rights; its kernel may be too old")
        except OSError:
            raise InfrarayError(f"isolation: no child was ready in {CHILD_S:g} s; is this computer too busy?") from None

    def ask(self, request: bytes) -> None:
        """Sends the request and watches until the reply is complete, a limit is reached or the child ends."""
        with suppress(OSError):
            self._stream.sendall(HEAD.pack(len(request)) + request)
        self._stream.setblocking(False)
        began = time.monotonic()
        watcher = Watcher(_pid(self._process), self._limits)
        self._opened.callback(watcher.close)
        poll = select.poll()
        for descriptor in (self._stream.fileno(), self._output.fileno(), self._process):
            poll.register(descriptor, select.POLLIN)
        while self._ended is None:
            pause_s = min(watcher.due, began + self._limits.wall_s) - time.monotonic()
            ready = {descriptor for descriptor, _ in poll.poll(max(0.0, pause_s) * 1000)}
            self._wall_s = time.monotonic() - began
            if self._output.fileno() in ready and not self._read_output():
                poll.unregister(self._output)
            if (self._stream.fileno() in ready and not self._receive()) or self._process in ready:
                self._receive()
                return
            if self._is_whole():
                return
            if len(self._printed) > self._limits.output_bytes:
                self._ended = "output"
            elif len(self._received) > HEAD.size + self._reply_bytes:
                self._ended = "reply"
            elif self._wall_s >= self._limits.wall_s:
                self._ended = "time"
            elif time.monotonic() >= watcher.due:
                self._ended = watcher.exceeded()

    def end(self) -> None:
        """Kills the remaining processes and waits until they are gone.

        Raises:
            InfrarayError: the kernel does not end it.
        """
        if self._process < 0:
            return
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._process, signal.SIGKILL)
        if not select.select([self._process], [], [], CHILD_S)[0]:
            raise InfrarayError(f"isolation: the kernel has not ended a child in {CHILD_S:g} s")
        while self._read_output():
            pass

    def answered(self) -> Answered:
        """The result, after its end."""
        printed = printable(bytes(self._printed[: self._limits.output_bytes]))
        if self._ended is None and self._is_whole():
            return Answered(bytes(self._received[HEAD.size :]), printed, None, None, self._wall_s)
        if self._ended is None:
            code = self._exit_code()
            self._ended, self._code = ("signal", -code) if code < 0 else ("exit", code)
        return Answered(None, printed, self._ended, self._code, self._wall_s)

    def _exit_code(self) -> int:
        """The exit code reported by the warden, which is outside the child's namespaces."""
        with suppress(OSError, ValueError):
            return int(json.loads(self._warden.recv(4096))["exit"])
        return -signal.SIGKILL

    def _is_whole(self) -> bool:
        if len(self._received) < HEAD.size:
            return False
        (length,) = HEAD.unpack(self._received[: HEAD.size])
        return bool(length <= self._reply_bytes and len(self._received) == HEAD.size + length)

    def _receive(self) -> bool:
        """Reads what has arrived of the reply; False at its end."""
        try:
            taken = self._stream.recv(TAKEN_BYTES)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self._received += taken
        return bool(taken)

    def _read_output(self) -> bool:
        try:
            taken = os.read(self._output.fileno(), TAKEN_BYTES)
        except BlockingIOError:
            return False
        self._printed += taken
        return bool(taken)


def _interpreter_limits(limits: Limits) -> Limits:
    """Limits of the interpreter, which bound those of its children, together where the kernel counts them together."""
    return replace(
        limits, cpu_s=1e9, processes=_CHILDREN * limits.processes, open_files=max(256, limits.open_files), wall_s=1e9
    )


def _settings(limits: Limits) -> dict[str, Any]:
    return {
        "module": f"{_AT}/module.py",
        "filter": _filter(nesting=False).hex(),
        "tmpfs_bytes": limits.memory_bytes // 2,
        "limits": {
            "RLIMIT_DATA": limits.memory_bytes * 2,
            "RLIMIT_AS": limits.memory_bytes * 32,
            "RLIMIT_NPROC": limits.processes * 2,
            "RLIMIT_NOFILE": limits.open_files,
            "RLIMIT_FSIZE": limits.file_bytes,
            "RLIMIT_CPU": math.ceil(limits.cpu_s) + 1,
        },
    }


@functools.cache
def _filter(nesting: bool) -> bytes:
    """The interpreter's filter, or a child's."""
    if not nesting:
        return seccomp.program(seccomp.architecture(), (*seccomp.RULES, seccomp.Rule("socket", EPERM)))
    made = (rule for rule in seccomp.RULES if rule.syscall not in _NESTING and not seccomp.makes_namespaces(rule))
    return seccomp.program(seccomp.architecture(), made)


def _pid(handle: int) -> int:
    """The id of a handle's process in this pid namespace."""
    lines = Path(f"/proc/self/fdinfo/{handle}").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pid:"))


def _end(running: Running, control: socket.socket, owner: int) -> None:
    """Ends an interpreter, unless this process is a fork of the one that owns it."""
    control.close()
    if os.getpid() == owner:
        running.end()
