"""Guards around a user's code, an agent, scenario, objective or file, which may raise anything at all.

An exception need not be an `Exception` (a Rust panic, `sys.exit`, a cancellation), and its text may
raise, never end, or hold characters that no file can. Whatever it is becomes one line that names
what was raised and where in the user's file. Exceptions meant for us pass: Ctrl-C, a time limit.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import signal
import sys
import sysconfig
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, Self

from infraray.deadline import TimeLimit, time_limit
from infraray.errors import InfrarayError
from infraray.stopping import Stopped

MAX_TEXT = 500
"""The most characters in a line about an exception."""

TEXT_S = 1.0
"""Seconds that an exception may take to produce its text."""

_OURS = f"{Path(__file__).parent}{os.sep}"
_INSTALLED = tuple({f"{sysconfig.get_path(name)}{os.sep}" for name in ("stdlib", "platstdlib")})


class Contained(Exception):
    """Stands for its cause where that cannot itself be raised: in a future, or in a task of an event loop."""


class guarded:
    """Turns whatever is raised inside into one `InfrarayError` that names the code at fault.

    Errors meant for the reader pass unchanged, and so does `Stopped`. `os._exit` raises inside, too: a file that calls
    it would otherwise end the command with a status of its choice and nothing done.

    Args:
        whose: the start of the line, such as ``agent python:mine.py:Mine``.
    """

    def __init__(self, whose: str) -> None:
        self.whose = whose

    def __enter__(self) -> Self:
        self._exit = os._exit
        os._exit = _exit_raising(self._exit)  # type: ignore[assignment]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os._exit = self._exit
        if error is None or passes(error) or _is_for_the_reader(error):
            return
        raise InfrarayError(f"{self.whose}: {describe_failure(error)}") from error


def passes(error: BaseException) -> bool:
    """Whether an exception is meant for us although it was raised inside a user's code."""
    kind = type(error)  # an object may lie about its class, or raise
    if issubclass(kind, Stopped):
        return True
    if issubclass(kind, KeyboardInterrupt):
        # With our signal handler, a person's Ctrl-C is `Stopped`, and Ray's workers block it.
        blocked = signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ())
        return signal.getsignal(signal.SIGINT) is signal.default_int_handler and not blocked
    if issubclass(kind, asyncio.CancelledError):
        task = _current_task()
        return task is not None and task.cancelling() > 0
    if issubclass(kind, SystemExit):
        frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
        return bool(frames) and frames[-1].f_globals.get("__name__", "").startswith("ray.")
    return False


def describe_failure(error: BaseException, named: bool = True) -> str:
    """An exception in one bounded, printable line: its class, its message, and the place in the user's file.

    Args:
        error: the exception.
        named: whether the line starts with its class.
    """
    cause = error.__cause__
    if cause is not None:
        # Python itself replaces a StopIteration that a coroutine raises by a RuntimeError.
        stopped = type(error) is RuntimeError and issubclass(type(cause), StopIteration | StopAsyncIteration)
        if stopped or type(error) is Contained:
            error = cause
    text = _text(error)
    if type(error) is InfrarayError and _is_for_the_reader(error):
        return text  # says by itself what is wrong and where
    place = _place(error)
    if named or not text:
        text = f"{class_name(error)}: {text}" if text else class_name(error)
    room = MAX_TEXT - len(place)
    return f"{text if len(text) <= room else f'{text[: room - 3]}...'}{place}"


def contained_task(loop: asyncio.AbstractEventLoop, coroutine: Any, **named: Any) -> asyncio.Task[Any]:
    """A task factory: ``sys.exit()`` and the like end only the task, while asyncio would end the loop."""

    async def contained() -> Any:
        try:
            return await coroutine
        except (SystemExit, KeyboardInterrupt, GeneratorExit) as error:
            if passes(error):
                raise
            raise Contained from error

    return asyncio.Task(contained() if inspect.iscoroutine(coroutine) else coroutine, loop=loop, **named)


def _is_for_the_reader(error: BaseException) -> bool:
    """Whether it is one of our errors with a usable text: a user may raise them too, with anything inside."""
    if not issubclass(type(error), InfrarayError | TimeLimit):
        return False
    try:
        str(error)
    except BaseException as another:
        if passes(another):
            raise
        return False
    return True


def _text(error: BaseException) -> str:
    """The text of an exception, in one line of writable characters."""
    try:
        with time_limit(TEXT_S):
            said = str.__getitem__(str(error), slice(0, 4 * MAX_TEXT))
    except TimeLimit:
        return f"(producing its text takes longer than {TEXT_S:g} s)"
    except BaseException as another:
        if passes(another):
            raise
        return f"(its text cannot be read: {class_name(another)})"
    return printable(" ".join(said.split()))


def printable(text: str) -> str:
    """Text with surrogates and control characters escaped, which every file and terminal accepts."""
    return "".join(
        character
        if character.isprintable() or character == " "
        else character.encode("unicode_escape", "backslashreplace").decode()
        for character in text
    )


def class_name(error: BaseException) -> str:
    """The name of an object's class, printable."""
    return printable(type.__dict__["__name__"].__get__(type(error)))


def _place(error: BaseException) -> str:
    """The innermost line of a user's code that led to the exception, in brackets; empty if there was none."""
    place = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        path = frame.f_code.co_filename
        installed = path.startswith((_OURS, *_INSTALLED, "<")) or "site-packages" in path or "dist-packages" in path
        if not installed:
            place = f" ({_shortest(path)}:{line})"
    return printable(place)[-MAX_TEXT // 2 :]


def _shortest(path: str) -> str:
    return path.removeprefix(f"{os.getcwd()}{os.sep}")


def _current_task() -> asyncio.Task[object] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:  # no event loop runs here
        return None


def _exit_raising(really_exit: Callable[[int], NoReturn]) -> Callable[[int], NoReturn]:
    """An `os._exit` that raises `SystemExit` in this process; forked children end as usual."""
    here = os.getpid()

    def leave(status: int) -> NoReturn:
        if os.getpid() != here:
            really_exit(status)
        sys.exit(status)

    return leave
