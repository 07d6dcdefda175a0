"""A live system in its own namespaces: it needs no root, is separate from all others and leaves nothing behind.

A fork server forks a child for each emulator (`infraray.emulators.inside`). The child makes new user, mount,
pid, network, ipc, uts and cgroup namespaces, and the system is built in them. The child ends when it is killed
or any process between it and this one ends, and everything in its namespaces ends with it. No name is ever taken on
the host, so kill -9 of anything leaves nothing behind.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import time
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from infraray.emulators.fork_server import ForkServer
from infraray.emulators.inside.frames import Frames
from infraray.errors import InfrarayError, InvalidAction
from infraray.isolation import Limits, memory_group

BUILD_S = 60.0
"""Time that building may take, for the largest emulator on a very busy computer."""

ANSWER_S = 30.0
"""Time that an answer may take in addition to building and commands."""

END_S = 10.0


class Emulator:
    """A live system that has its namespaces when the constructor returns, and of which a subclass builds the rest.

    As a context manager it closes itself. An emulator that hangs, or whose child is killed, is lost: every method then
    raises an `InfrarayError` that says so; make another one.

    Args:
        fork_server: where it is forked.
        what: the word for it, such as ``network``.
        problem: why this machine cannot emulate it, if so.
        limits: the limits of each command.

    Raises:
        InfrarayError: this machine cannot emulate it, or it took too long.
    """

    def __init__(
        self, fork_server: ForkServer, what: str, problem: Callable[[], str | None], limits: Limits | None = None
    ) -> None:
        self.limits = limits or Limits()
        self._what = what
        self._problem = problem
        self._lost = ""
        ours, theirs = socket.socketpair()
        self._frames = Frames(ours)
        self._end = weakref.finalize(self, _end, ours, -1)
        with self._building():
            with theirs:
                fork_server.fork(theirs)
            ours.settimeout(BUILD_S)
            first, files, _, _ = socket.recv_fds(ours, 1, 1)
            if not files:
                self._frames.received = first
                raise InfrarayError(self._frames.receive(time.monotonic() + END_S)["error"])
            self._process = files[0]
            self._end.detach()
            self._end = weakref.finalize(self, _end, ours, self._process)

    def close(self) -> None:
        """Ends it; none of its processes is left when this returns. May be called twice."""
        self._lost = self._lost or "it was closed"
        self._end()

    @property
    def alive(self) -> bool:
        """Whether it is still running."""
        return self._end.alive and not select.select([self._process], [], [], 0)[0]

    @property
    def pid(self) -> int:
        """The host's id of the first process in its namespaces; -1 if that has ended."""
        if not self.alive:
            return -1
        lines = Path(f"/proc/self/fdinfo/{self._process}").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("Pid:"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @contextmanager
    def _building(self) -> Iterator[None]:
        """A context whose errors close it and say what is missing on this machine."""
        try:
            yield
        except (InfrarayError, OSError, EOFError) as error:
            self.close()
            reason = self._problem() or str(error) or "its process has ended"
            raise InfrarayError(f"the {self._what} was not built: {reason}") from None

    def _run(self, request: Mapping[str, Any]) -> Any:
        """The answer to a request that runs an agent's command within the limits."""
        # Made here, since the emulator's user may make none.
        group = memory_group.make(self.limits.memory_bytes)
        try:
            files = () if group is None else group.files
            return self._ask({**request, "limits": asdict(self.limits)}, self.limits.wall_s + END_S, files)
        finally:
            if group is not None:
                group.close()

    def _ask(self, request: Mapping[str, Any], beside_s: float = 0.0, files: Sequence[int] = ()) -> Any:
        """The answer to a request, which may take so long beside `ANSWER_S` and comes with open files."""
        if self._lost:
            raise InfrarayError(f"the {self._what} is lost: {self._lost}; make another one")
        seconds = ANSWER_S + beside_s
        deadline = time.monotonic() + seconds
        try:
            self._frames.send(request, deadline, files)
            answer = self._frames.receive(deadline)
        except TimeoutError:
            raise self._lose(f"it hangs, no answer in {seconds:g} s") from None
        except (EOFError, OSError):
            raise self._lose("its process has ended") from None
        except ValueError as error:
            raise self._lose(f"its answer is not one: {error}") from None
        except BaseException:
            self._lose("a request was interrupted")  # the next request must not get this answer
            raise
        if "error" in answer:
            raise (InvalidAction if answer.get("invalid") else InfrarayError)(answer["error"])
        return answer["result"]

    def _lose(self, why: str) -> InfrarayError:
        self._lost = self._lost or why
        self._end()
        return InfrarayError(f"the {self._what} is lost: {self._lost}; make another one")


def _end(stream: socket.socket, process: int) -> None:
    """Kills an emulator's first process and waits until the kernel has ended all others in its namespaces."""
    stream.close()
    if process >= 0:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(process, signal.SIGKILL)
        select.select([process], [], [], END_S)
        os.close(process)
