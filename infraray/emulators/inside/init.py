"""An emulator's first process: enters the namespaces and answers its parent's requests.

When it ends, for any reason, the kernel ends all processes in its pid namespace, and with them its interfaces, mounts
and namespaces.
"""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from infraray.errors import InfrarayError, InvalidAction

from . import namespaces
from .frames import Frames

NAMESPACES = (
    namespaces.CLONE_NEWUSER
    | namespaces.CLONE_NEWNS
    | namespaces.CLONE_NEWPID
    | namespaces.CLONE_NEWNET
    | namespaces.CLONE_NEWIPC
    | namespaces.CLONE_NEWUTS
    | namespaces.CLONE_NEWCGROUP
)

NOBODY = 65534

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

IDLE_S = 1.0
"""Interval at which an idle emulator is checked."""


def start(stream: socket.socket, parent: int, kind: type[Server]) -> None:
    """Makes the namespaces and their first process; returns when that has ended.

    Args:
        stream: the socket to whoever asked for the emulator.
        parent: the calling process's parent, with which it ends.
        kind: what serves it.

    Raises:
        OSError: the kernel forbids it.
    """
    server = kind(stream)
    _become_ordinary()
    user, group = os.geteuid(), os.getegid()
    namespaces.unshare(NAMESPACES)
    namespaces.map_to_root(user, group)
    _end_with_parent()
    if os.getppid() != parent:
        return
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        ours.close()
        try:
            _end_with_parent()
            theirs.send(b".")
            if theirs.recv(1):  # the parent was alive after the line above
                theirs.close()
                server.serve()
        finally:
            os._exit(0)
    theirs.close()
    server.close_outside()
    ours.recv(1)
    with suppress(OSError):  # the client may be gone
        socket.send_fds(stream, [b"\n"], [os.pidfd_open(child)])
    stream.close()
    ours.send(b".")
    os.waitpid(child, 0)


def _become_ordinary() -> None:
    """Turns root into nobody, since even in its own namespaces it would be the computer's root to files and limits.

    Everything needed is imported by now; an interpreter in root's home is no longer readable.
    """
    if os.geteuid() == 0:
        with suppress(OSError):  # a container's only user is root; then nothing can run isolated, and the error says so
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
        namespaces.prctl(namespaces.PR_SET_DUMPABLE, 1)  # or /proc/self would be root's


def _end_with_parent() -> None:
    namespaces.prctl(namespaces.PR_SET_PDEATHSIG, signal.SIGKILL)


class Server:
    """The first process. It is made before it enters its namespaces, while /proc is still the computer's.

    Args:
        stream: the source of requests; the process ends when it is closed.
    """

    def __init__(self, stream: socket.socket) -> None:
        self.frames = Frames(stream)
        self.answers: dict[str, Callable[..., Any]] = {}

    def close_outside(self) -> None:
        """Closes, in the process that stays outside, what was opened for the first process."""

    def idle(self) -> None:
        """Called every `IDLE_S` without a request."""

    def serve(self) -> None:
        """Answers requests, one after another."""
        try:
            self.enter()
            while True:
                request = self._next_request()
                try:
                    answer = {"result": self.answers[request.pop("do")](**request)}
                except (InfrarayError, OSError) as error:
                    answer = {"error": str(error), "invalid": isinstance(error, InvalidAction)}
                except Exception as error:  # an agent can do anything to an emulator
                    answer = {"error": f"{type(error).__name__}: {error}"}
                self.frames.send(answer)
                _reap()
        except (EOFError, BrokenPipeError, ConnectionResetError):
            pass
        except BaseException as error:
            self.frames.send({"error": f"{type(error).__name__}: {error}"})

    def _next_request(self) -> dict[str, Any]:
        """Waits for the next request."""
        while True:
            try:
                return self.frames.receive(time.monotonic() + IDLE_S)
            except TimeoutError:
                self.idle()

    def enter(self) -> None:
        """Makes the mounts that the namespaces need."""
        namespaces.prctl(namespaces.PR_SET_NO_NEW_PRIVS, 1)
        safe = namespaces.MS_NOSUID | namespaces.MS_NODEV | namespaces.MS_NOEXEC
        namespaces.mount("none", "/", "", namespaces.MS_REC | namespaces.MS_PRIVATE)
        namespaces.mount("proc", "/proc", "proc", safe)
        namespaces.mount("tmpfs", "/run", "tmpfs", safe, "size=4m")  # iptables' lock
        os.environ.clear()
        os.environ.update(PATH=PATH, LC_ALL="C")
        os.chdir("/")


def _reap() -> None:
    """Reaps orphans, which the first process inherits."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
