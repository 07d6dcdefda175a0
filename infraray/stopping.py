"""Ends a command by a signal: Ctrl-C, SIGTERM (sent by `timeout`, systemd and Kubernetes), or SIGHUP.

Whenever it arrives, the command ends within seconds with one line and the status that shells
expect, 128 plus the signal's number, and leaves no process behind.

While a command's modules are being imported and while Ray runs, it ends abruptly: Ray swallows
exceptions while it starts, and may crash while it is torn down. Nothing needs to be tidied up
then, since collected episodes survive kill -9. At all other times `Stopped` is raised.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

LOOK_S = 0.1

_PR_SET_CHILD_SUBREAPER = 36

UNWIND_S = 10.0
"""Seconds that a command may take to end by itself after `Stopped` was raised in it."""


class Stopped(BaseException):
    """Raised when a signal asks this command to end; no user's code is to blame.

    Args:
        signal_number: the signal's.
    """

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal.Signals(signal_number).name)
        self.signal_number = signal_number


_taken: list[int] = []
"""The signals by which this process ends as a command."""
_unwinds = False
"""Whether `Stopped` is raised; otherwise the command ends abruptly."""
_last: list[Callable[[], None]] = []
"""Called at an abrupt end, when all other processes have stopped."""


@contextmanager
def unwinding() -> Iterator[None]:
    """Makes the command's signals raise `Stopped` inside."""
    before = _unwinds
    _unwind(True)
    try:
        yield
    finally:
        _unwind(before)


@contextmanager
def ending_abruptly() -> Iterator[list[Callable[[], None]]]:
    """Makes a signal that arrives inside kill the command's processes at once.

    Processes that a command has started inside do not outlive it.

    Yields:
        A list, which may be added to, of what else to do at an abrupt end.
    """
    before, others = _unwinds, set(descendants())
    _unwind(False)
    try:
        yield _last
    finally:
        if is_command():
            kill(freeze_all(lambda: [pid for pid in descendants() if pid not in others]))
        _last.clear()
        _unwind(before)


def await_end() -> NoReturn:
    """Called once `Stopped` has arrived: waits until this process is ended, with the line about the signal."""
    while True:
        time.sleep(1.0)


def is_command() -> bool:
    """Whether this process is the ``infraray`` command, which may be ended, rather than a program that calls us."""
    return bool(_taken)


def end_abruptly(line: str, status: int) -> NoReturn:
    """Ends this process and all below it, wherever they are, with a line on standard error."""
    _say(line)
    frozen = freeze_all(descendants)
    for action in _last:
        with suppress(Exception):
            action()
    # Last of all: otherwise Ray's code in this process would end it, with another status.
    kill(frozen)
    os._exit(status)


def freeze_all(find: Callable[[], list[int]]) -> list[int]:
    """Stops processes, and those that they start meanwhile; returns all of them, to be killed.

    Args:
        find: returns those that exist now.
    """
    frozen: list[int] = []
    while found := [pid for pid in find() if pid not in frozen]:
        _send(signal.SIGSTOP, found)
        frozen += found
    return frozen


def kill(pids: Iterable[int]) -> None:
    """Kills processes."""
    _send(signal.SIGKILL, pids)


def descendants(*pids: int) -> list[int]:
    """The processes below these, or without any below this one."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError, IndexError):
                # After the name, which may hold anything: state, parent.
                parent = int((entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    found: list[int] = []
    waiting = list(pids or (os.getpid(),))
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def _take_signals() -> None:
    """Makes signals end this process as a command; those that were ignored before (``nohup``) stay ignored."""
    _taken.extend(number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN)
    # All threads but one keep the signals blocked: Ray installs a handler in native code that prints a
    # backtrace and aborts. Children behave as they would without us.
    _unwind(False)
    os.register_at_fork(after_in_child=lambda: signal.pthread_sigmask(signal.SIG_UNBLOCK, _taken))
    # Bytes arrive at once, even if the main thread is in native code and Python's handlers have to wait.
    reading, writing = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(reading,), name="signals", daemon=True).start()
    # Processes that lose their parent, as workers do when their raylet is killed, stay below this process.
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _send(number: int, pids: Iterable[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def _unwind(unwinds: bool) -> None:
    """Delivers the signals to the main thread, or blocks them there."""
    global _unwinds
    if not unwinds:
        signal.pthread_sigmask(signal.SIG_BLOCK, _taken)
    _unwinds = unwinds
    if unwinds:
        for number in _taken:
            signal.signal(number, _raise)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _taken)


def _raise(number: int, frame: FrameType | None) -> None:
    if _unwinds:
        raise Stopped(number)


def _watch(reading: int) -> None:
    while True:
        arrived = signal.sigtimedwait(_taken, LOOK_S)
        numbers = [] if arrived is None else [arrived.si_signo]
        if arrived is not None and _unwinds:
            signal.pthread_kill(threading.main_thread().ident or 0, arrived.si_signo)
        with suppress(BlockingIOError):
            numbers += os.read(reading, 64)
        for number in numbers:
            if number in _taken:
                give_up = time.monotonic() + UNWIND_S
                while _unwinds and time.monotonic() < give_up:
                    time.sleep(0.05)
                name = signal.Signals(number).name
                line = f"stopped by {name}; what is collected is kept; give the same command again to continue"
                end_abruptly(line, 128 + number)


def _say(line: str) -> None:
    shown = "\x1b[?25h\n" if os.isatty(2) else ""  # a progress bar hides the cursor
    with suppress(OSError):
        os.write(2, f"{shown}{line}\n".encode())


def _begins_command() -> bool:
    """Whether this process is about to become the ``infraray`` command."""
    name = os.path.basename(sys.argv[0]) if sys.argv else ""
    module = sys.orig_argv[sys.orig_argv.index("-m") + 1 :][:1] if "-m" in sys.orig_argv else []
    return name == "infraray" or (name == "-m" and module == ["infraray"])


if _begins_command():
    # Not in the command's own function: the imports before it take a second.
    _take_signals()
