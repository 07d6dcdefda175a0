"""The life cycle of one run: start, watch, end.

bubblewrap makes the namespaces; the kernel's limits keep a runaway process from outrunning the watcher. The first
process of the sandbox's pid namespace is the handle on all of them: when it is killed, the kernel kills the others and
reaps it last.

The start, in order: bubblewrap reports the first process's id; the keeper, which ends the sandbox if we die, records
it; only then do we let the program begin, through its standard input. If we die earlier, it reads end-of-file there
and exits. What it does is counted in its memory cgroup from then on.
"""

from __future__ import annotations

import functools
import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from infraray.errors import InfrarayError
from infraray.isolation import memory_group, seccomp
from infraray.isolation.bubblewrap import FILES, PROGRAM, Network, arguments, files, programs
from infraray.isolation.caller import require_own_network, unprivileged
from infraray.isolation.keeper import KEEPER
from infraray.isolation.limits import Limits
from infraray.isolation.memory_group import MemoryGroup
from infraray.isolation.output import printable
from infraray.isolation.requirements import bubblewrap_path, refusal
from infraray.isolation.rlimits import count_tasks, prefer_for_oom_killer, prlimit
from infraray.isolation.watcher import INTERVAL_S, Watcher

END_S = 60.0
"""Seconds the kernel may take to end killed processes."""

PIPE_BYTES = 2**16

FIRST = 'read -r go || exit; (exec /bin/sh -c "$0" 2>&1); exit $?'
"""The script of the sandbox's first process, a shell: on our signal it starts the program, with errors redirected to
its output. The shell's own errors go elsewhere: they report when a signal ended the program, which the exit code 128 +
signal alone cannot distinguish from a program that exits with that code."""

FIRST_OF_ALL = 'read -r go || exit; exec /bin/sh -c "$0"'
"""The same for a program that is to be the first process itself, which no other process inside can end or stop."""


@dataclass(frozen=True)
class Finished:
    """The result of a command.

    Args:
        output: standard output and error, in order, bounded, without terminal sequences and control characters.
        exit_code: as in a shell (128 + signal); None if a limit ended the command.
        ended: the limit that ended it: ``time``, ``cpu``, ``memory``, ``processes``, ``output`` or ``file_size``; None
            if the command ended by itself.
        wall_s: seconds from the call to the end of the last process.
    """

    output: str
    exit_code: int | None
    ended: str | None
    wall_s: float


@dataclass(frozen=True)
class Equipment:
    """What a command finds in its sandbox beside the system.

    Args:
        programs: programs of this machine, which are on its PATH.
        files: contents of further files by their paths; one in /tmp may be changed.
    """

    programs: tuple[Path, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Nest:
    """What a program of ours needs that runs others inside, see `infraray.isolation.warm` and `.session`.

    Args:
        seccomp: its filter, which may let it make namespaces.
        arguments: bubblewrap's further ones.
        files: further files, as contents by their paths.
        descriptors: open files that it inherits.
        is_first: whether it is the first process of the sandbox.
    """

    seccomp: bytes
    arguments: tuple[str, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    descriptors: tuple[int, ...] = ()
    is_first: bool = False


class Running:
    """One run. `end` must be called in any case.

    Args:
        limits: what it may use.
        network: see `Network`.
        nest: for a program of ours alone.
        group: the memory cgroup that its processes enter; None to make one where that is possible.
        equipment: what else it has.
    """

    def __init__(
        self,
        limits: Limits,
        network: Network,
        nest: Nest | None = None,
        group: MemoryGroup | None = None,
        equipment: Equipment | None = None,
    ) -> None:
        self._equipment = equipment or Equipment()
        self._limits = limits
        self._network: Network = network
        self._nest = nest
        self._started = time.monotonic()
        self._open = ExitStack()
        self._group = group
        # What a nest keeps is that of many sandboxes, each of which is watched by itself.
        if group is None and nest is None and (own := memory_group.make(limits.memory_bytes)) is not None:
            self._open.callback(own.close)
            self._group = own
        self._output, self._output_end = self._pipe()
        self._errors, self._errors_end = self._pipe()
        self._status, self._status_end = self._pipe(outlives_reader=True)
        self._input, self._input_end = self._pipe()
        for kept in (self._output, self._errors, self._status):
            os.set_blocking(kept.fileno(), False)
        self._process: subprocess.Popen[bytes] | None = None
        self._init: int | None = None
        self._init_pidfd = -1
        self._printed = bytearray()
        self._said = bytearray()
        self._reported = bytearray()
        self._ended: str | None = None
        self._wall_s = 0.0

    def start(self, script: str, program: bytes) -> None:
        """Starts a program. Whether that succeeded is only known at the end.

        Args:
            script: the shell command that runs the file `PROGRAM`.
            program: the content of that file.
        """
        others = 0
        if self._network != "none":
            require_own_network(self._network)
        if self._network == "inherit":
            others = count_tasks()
        first = FIRST_OF_ALL if self._is_session else FIRST
        self._launch([*prlimit(self._limits, others), "/bin/sh", "-c", first, script], program)
        # These errors mean that bubblewrap has ended.
        with suppress(FileNotFoundError, ProcessLookupError, BrokenPipeError):
            self._find_init()
            if self._init is not None:
                if not self._is_session:
                    prefer_for_oom_killer(self._init)
                if self._group is not None and not self._group.enter(self._init):
                    self._group = None
                KEEPER.begun(self._init)
                self._input_end.write(b"go\n")
        self._input_end.close()

    def watch(self, forgives: Callable[[str], bool] | None = None, interval_s: float = INTERVAL_S) -> None:
        """Waits until the command ends or reaches a limit.

        Args:
            forgives: told a limit on the processes together when it is reached; whether the command may go on.
            interval_s: seconds between looks at them.
        """
        if self._init is None:
            return
        deadline = self._started + self._limits.wall_s
        watcher = Watcher(self._init, self._limits, self._group, interval_s)
        self._open.callback(watcher.close)
        poll = select.poll()
        for descriptor in (self._output.fileno(), self._status.fileno(), self._init_pidfd):
            poll.register(descriptor, select.POLLIN)
        while self._ended is None:
            pause_s = min(watcher.due, deadline) - time.monotonic()
            ready = {descriptor for descriptor, _ in poll.poll(max(0.0, pause_s) * 1000)}
            if self._output.fileno() in ready and not self._read_output():
                poll.unregister(self._output)
            if len(self._printed) > self._limits.output_bytes:
                self._ended = "output"
            elif self._status.fileno() in ready or self._init_pidfd in ready:
                return
            elif time.monotonic() >= deadline:
                self._ended = "time"
            elif time.monotonic() >= watcher.due:
                exceeded = watcher.exceeded()
                if exceeded is not None and (forgives is None or not forgives(exceeded)):
                    self._ended = exceeded

    @property
    def init(self) -> int | None:
        """The sandbox's first process; None if bubblewrap started none."""
        return self._init

    def kill(self) -> None:
        """Kills all processes; `watch` then returns. May be called from another thread, and again."""
        if self._init is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._init_pidfd, signal.SIGKILL)

    def end(self) -> None:
        """Kills the remaining processes and waits until they are gone.

        Raises:
            InfrarayError: the kernel does not end it.
        """
        with self._open:
            if self._process is None:
                return
            if self._init is None:
                self._input_end.close()  # a sandbox being built ends by itself; killing its builder would strand it
                self._process.wait()
            else:
                self.kill()
                KEEPER.ended(self._init)
                if not select.select([self._init_pidfd], [], [], END_S)[0]:
                    raise InfrarayError(f"isolation: the kernel has not ended process {self._init} in {END_S:g} s")
                self._process.wait()
                # If we inherit orphans (as a pid namespace's first process, or a subreaper), we must reap it.
                with suppress(ChildProcessError):
                    os.waitid(os.P_PIDFD, self._init_pidfd, os.WEXITED | os.WNOHANG)
            self._wall_s = time.monotonic() - self._started
            # No writer is left, so the pipes hold everything that there is.
            while self._read_output() or self._read_status():
                pass
            _read(self._errors, self._said)
            if self._ended is None and self._group is not None and self._group.killed():
                self._ended = "memory"

    def finished(self) -> Finished:
        """The result, after its end.

        Raises:
            InfrarayError: bubblewrap did not begin it.
        """
        output = printable(bytes(self._printed[: self._limits.output_bytes]))
        if self._ended is not None:
            return Finished(output, None, self._ended, self._wall_s)
        # bubblewrap reports an exit code only for what it has started.
        report: dict[str, int] = {}
        for line in self._reported.splitlines():
            report |= json.loads(line)
        if "exit-code" not in report:
            raise refusal(printable(bytes(self._said)))
        if report["exit-code"] == 128 + signal.SIGXFSZ and self._said:
            return Finished(output, None, "file_size", self._wall_s)
        return Finished(output, report["exit-code"], None, self._wall_s)

    @property
    def _is_session(self) -> bool:
        """Whether its first process is a program of ours that must outlive the others."""
        return self._nest is not None and self._nest.is_first

    @property
    def _tmpfs_bytes(self) -> int:
        """The size of each tmpfs. Where files stay when processes are ended, they must leave memory for the next."""
        return self._limits.memory_bytes // (4 if self._is_session else 2)

    def _launch(self, words: Sequence[str], program: bytes) -> None:
        nest = self._nest
        seccomp_filter = self._memory(_filter() if nest is None else nest.seccomp)
        contents = {path: text.encode() for path, text in FILES.items()} | dict(self._equipment.files)
        contents |= {PROGRAM: program} | (dict(nest.files) if nest else {})
        copies = {path: self._memory(content) for path, content in contents.items()}
        given = [seccomp_filter, self._status_end, *copies.values()]
        command = [
            *unprivileged(),
            bubblewrap_path(),
            *_arguments(self._network, self._tmpfs_bytes, nest is not None and not self._is_session),
            *programs(self._equipment.programs),
            *(nest.arguments if nest else ()),
            *("--seccomp", str(seccomp_filter.fileno())),
            *("--json-status-fd", str(self._status_end.fileno())),
            *files((path, copy.fileno()) for path, copy in copies.items()),
            "--",
            *words,
        ]
        self._process = subprocess.Popen(
            command,
            stdin=self._input,
            stdout=self._output_end,
            stderr=self._errors_end,
            # bubblewrap is the sandbox's first process, and its environment can be read in /proc/1/environ.
            env={},
            cwd="/",
            pass_fds=[*(end.fileno() for end in given), *(nest.descriptors if nest else ())],
        )
        for end in (self._input, self._output_end, self._errors_end, *given):
            end.close()

    def _find_init(self) -> None:
        """Waits until bubblewrap reports the sandbox's first process, and opens a handle on it."""
        assert self._process is not None
        while b"\n" not in self._reported:
            select.select([self._status], [], [])
            if not self._read_status():
                return
        init = json.loads(self._reported.splitlines()[0])["child-pid"]
        pidfd = os.pidfd_open(init)
        self._open.callback(os.close, pidfd)
        with open(f"/proc/{init}/stat", "rb") as stat:
            parent = int(stat.read().rpartition(b")")[2].split()[1])
        if parent == self._process.pid:  # else it has ended, and its id has been reused
            self._init, self._init_pidfd = init, pidfd

    def _read_output(self) -> bool:
        return _read(self._output, self._printed)

    def _read_status(self) -> bool:
        return _read(self._status, self._reported)

    def _pipe(self, outlives_reader: bool = False) -> tuple[IO[bytes], IO[bytes]]:
        """A pipe's read and write ends.

        Args:
            outlives_reader: whether writing must succeed after we have died. bubblewrap must not die of SIGPIPE while
                it builds: the half-built sandbox would wait for it forever.
        """
        reading, writing = os.pipe()
        ends = (
            self._open.enter_context(os.fdopen(reading, "rb", buffering=0)),
            self._open.enter_context(os.fdopen(writing, "wb", buffering=0)),
        )
        if not outlives_reader:
            return ends
        both = os.open(f"/proc/self/fd/{writing}", os.O_RDWR)  # its own reader
        ends[1].close()
        return ends[0], self._open.enter_context(os.fdopen(both, "r+b", buffering=0))

    def _memory(self, content: bytes) -> IO[bytes]:
        """An in-memory file, positioned at its beginning."""
        file = self._open.enter_context(os.fdopen(os.memfd_create("infraray"), "r+b", buffering=0))
        file.write(content)
        file.seek(0)
        return file


def _read(pipe: IO[bytes], into: bytearray) -> bool:
    """Reads what is available now; False if there is nothing or at the end."""
    try:
        taken = os.read(pipe.fileno(), PIPE_BYTES)
    except BlockingIOError:
        return False
    into += taken
    return bool(taken)


@functools.cache
def _filter() -> bytes:
    return seccomp.program(seccomp.architecture())


@functools.cache
def _arguments(network: Network, tmpfs_bytes: int, nest: bool) -> list[str]:
    return arguments(network, tmpfs_bytes, nest)
