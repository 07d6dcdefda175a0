"""This process's handle on the fork server from which its emulators of one kind are forked.

It is a fresh process, not a fork of this one: small, with one thread, and started once. It ends when this one
does. Emulators are not forked from here because a child that ends with its parent (PR_SET_PDEATHSIG) ends with the
*thread* that forked it, and because forking a process with threads is unsafe.
"""

from __future__ import annotations

import atexit
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

END_S = 5.0

_INSIDE = Path(__file__).with_name("inside")


class ForkServer:
    """The fork server of one kind of emulator, started with the first one.

    Args:
        kind: the module with the kind's `infraray.emulators.inside.init.Server`, which is named ``SERVER``.
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        atexit.register(self._stop)
        os.register_at_fork(after_in_child=self._forget)

    @property
    def pid(self) -> int | None:
        """The process id, if it was started."""
        return None if self._process is None else self._process.pid

    def fork(self, stream: socket.socket) -> None:
        """Forks a child that talks over the other end of ``stream``.

        Raises:
            OSError: even a new fork server does not accept it.
        """
        with self._lock:
            if self._control is not None:
                try:
                    socket.send_fds(self._control, [b"\n"], [stream.fileno()])
                    return
                except OSError:
                    self._stop()  # it was killed
            self._start()
            assert self._control is not None
            socket.send_fds(self._control, [b"\n"], [stream.fileno()])

    def _start(self) -> None:
        self._control, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", str(_INSIDE), str(theirs.fileno()), self._kind],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C is for this process
                cwd="/",
            )

    def _stop(self) -> None:
        """Ends the fork server and all its emulators."""
        if self._control is not None and self._process is not None:
            self._control.close()
            self._process.wait(END_S)
        self._control = self._process = None

    def _forget(self) -> None:
        """In a fork of this process: the fork server belongs to the parent and must notice when that ends."""
        if self._control is not None and self._process is not None:
            self._control.close()
            self._process.returncode = 0  # not ours to wait for
        self._control = self._process = None
        self._lock = threading.Lock()
