"""Runs one command so that nothing of it outlives whoever asked for it.

    python -I -S supervisor.py OWNER GRACE_S LOG COMMAND...

Two processes watch: the outer one holds the lifeline, a pipe on its standard input whose other
end only the owner has, and the inner one holds a pipe to the outer one and starts the command in
a session of its own. Both adopt orphans (``PR_SET_CHILD_SUBREAPER``), so that whatever the command
forks stays below them whatever its parents do. When the owner ends in any way, kill -9 included,
the pipe closes: the command is asked to end, and after the grace everything below is killed. When
either watcher is killed, the other one does the same. The outer one ends last, with the command's
exit status, when nothing is left.

The command's output goes to LOG, of which the last `LOG_BYTES` to twice that are kept (LOG.1 holds
the earlier part). LOG is in a folder of the command's own, which is removed if the owner, whose
process id is OWNER, did not live to do so. Descriptors that the owner passes on reach the command.
The program imports only the standard library and needs Linux.
"""

from __future__ import annotations

import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

LOG_BYTES = 8 * 2**20
KILL_S = 30.0
"""Seconds that the kernel may take to end killed processes."""
OWNER_S = 5.0
"""Seconds that an owner that first killed a watcher may take to end."""

PR_SET_CHILD_SUBREAPER = 36


class Log:
    """A file of bounded size."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.file = open(path, "ab", buffering=0)

    def write(self, data: bytes) -> None:
        """Appends; a full file becomes ``.1``. A full disk loses lines, not the command."""
        with suppress(OSError):
            if self.file.tell() > LOG_BYTES:
                os.replace(self.path, self.path + ".1")
                self.file.close()
                self.file = open(self.path, "ab", buffering=0)
            self.file.write(data)


class Watch:
    """Waits for the end of a child or of the lifeline, and passes the child's output to the log."""

    def __init__(self, child: int, output: int | None = None, log: Log | None = None) -> None:
        self.child = child
        self.status: int | None = None
        self.output = output
        self.log = log
        self.asked_to_end = False
        self.awake, wake = os.pipe()
        os.set_blocking(self.awake, False)
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._ask_to_end)
        self.reap()

    def _ask_to_end(self, *_: object) -> None:
        self.asked_to_end = True

    def wait(self, lifeline: int | None, timeout_s: float | None = None) -> None:
        """Returns when the child has ended, the lifeline is lost, or the time is over."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while self.status is None:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                return
            readable, _, _ = select.select(
                [fd for fd in (lifeline, self.output, self.awake) if fd is not None], [], [], left
            )
            if self.output in readable:
                self.pump()
            if self.awake in readable:
                with suppress(BlockingIOError):
                    os.read(self.awake, 4096)
                self.reap()
            if lifeline is not None and (self.asked_to_end or (lifeline in readable and not os.read(lifeline, 4096))):
                return

    def pump(self) -> bool:
        """Moves what the child printed to the log; returns whether there was something."""
        if self.output is None or self.log is None:
            return False
        try:
            data = os.read(self.output, 65_536)
        except BlockingIOError:
            return False
        if not data:
            self.output = None
            return False
        self.log.write(data)
        return True

    def reap(self) -> None:
        """Takes the exit status of every process below that has ended."""
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    return
                if pid == self.child:
                    code = os.waitstatus_to_exitcode(status)
                    self.status = code if code >= 0 else 128 - code

    def kill_everything(self) -> None:
        """Kills all processes below this one, until none is left."""
        deadline = time.monotonic() + KILL_S
        while (below := descendants(os.getpid())) and time.monotonic() < deadline:
            for pid in below:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            self.reap()
            time.sleep(0.01)
        self.reap()


def descendants(ancestor: int) -> list[int]:
    """The processes below ``ancestor``, as /proc shows them now."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with suppress(OSError), open(f"/proc/{entry}/stat", "rb") as stat:
                # The name, in parentheses, may hold anything; the parent is the second field after it.
                parent = int(stat.read().rpartition(b")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry))
    found, waiting = [], [ancestor]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def adopt_orphans() -> None:
    """Makes this process the parent of every orphan below it."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER) failed")


def start_command(command: list[str], output: int) -> int:
    """Starts the command, which prints to ``output``, and returns its process id."""
    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        close_fds=False,
        start_new_session=True,
    )
    # The watcher takes the exit status; this object must not take it first when it is deleted.
    child.returncode = 0
    return child.pid


def run_inner(owner: int, lifeline: int, grace_s: float, log_path: str, start: Callable[[int], int]) -> int:
    """Starts the watched command and returns its exit status when none of its processes is left."""
    outer = os.getppid()
    os.setsid()
    adopt_orphans()
    log = Log(log_path)
    output, printed = os.pipe()
    try:
        child = start(printed)
    except OSError as error:
        log.write(f"{type(error).__name__}: cannot run {error.filename}: {error.strerror}\n".encode())
        return 127
    os.close(printed)
    os.set_blocking(output, False)
    watch = Watch(child, output, log)
    watch.wait(lifeline)
    if watch.status is None:
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGTERM)
        watch.wait(None, grace_s)
    watch.kill_everything()
    while watch.pump():
        pass
    deadline = time.monotonic() + OWNER_S
    while os.getppid() != outer and time.monotonic() < deadline:
        # The outer one was killed, as Ray kills the children of an actor while it ends it.
        if remove_folders(owner, log_path):
            break
        time.sleep(0.1)
    return 143 if watch.status is None else watch.status


def run_outer(owner: int, grace_s: float, log_path: str, start: Callable[[int], int]) -> int:
    """Starts the inner watcher and returns the exit status of what it watches when nothing is left.

    Args:
        owner: the process that asked for it.
        grace_s: how long it may take to end by itself once it is asked to.
        log_path: where what it prints goes.
        start: starts it as a child that prints to the given descriptor, and returns its process id.
    """
    adopt_orphans()
    lifeline, held = os.pipe()
    inner = os.fork()
    if inner == 0:
        os.close(held)
        os.dup2(lifeline, 0)
        os._exit(run_inner(owner, 0, grace_s, log_path, start))
    os.close(lifeline)
    watch = Watch(inner)
    watch.wait(0)
    os.close(held)
    watch.wait(None, grace_s + KILL_S)
    watch.kill_everything()
    remove_folders(owner, log_path)
    return 143 if watch.status is None else watch.status


def remove_folders(owner: int, log_path: str) -> bool:
    """Removes the log's folder and everything else of an owner that has ended; returns whether it has."""
    if not has_ended(owner):
        return False
    folder = os.path.dirname(log_path)
    owned = os.path.dirname(folder)
    # As `infraray.scratch` names it.
    mine = os.path.basename(owned).startswith(f"infraray-{owner}-")
    shutil.rmtree(owned if mine else folder, ignore_errors=True)
    return True


def has_ended(pid: int) -> bool:
    """Whether a process is gone, or has only its exit status left."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            return stat.read().rpartition(b")")[2].split()[0] in (b"Z", b"X")
    except OSError:
        return True


if __name__ == "__main__":
    sys.exit(run_outer(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3], partial(start_command, sys.argv[4:])))
