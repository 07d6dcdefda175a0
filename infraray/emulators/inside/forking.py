"""The process from which emulators are forked: all is imported once, and they share its memory."""

from __future__ import annotations

import gc
import os
import resource
import signal
import socket

from .frames import Frames
from .init import Server, start

OPEN_FILES = 16384
"""Six files per machine of a network, and some spare."""


def serve(control: socket.socket, kind: type[Server]) -> None:
    """Forks an emulator of a kind for every socket received over ``control``, until that is closed."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # no zombies of ended emulators
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, OPEN_FILES), most))
    gc.freeze()  # a collection would write to shared memory
    this = os.getpid()
    while True:
        message, files, _, _ = socket.recv_fds(control, 1, 1)
        if not message:
            return  # every emulator ends with this process
        stream = socket.socket(fileno=files[0])
        if os.fork() == 0:
            try:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                control.close()
                start(stream, this, kind)
            except OSError as error:
                Frames(stream).send({"error": str(error)})
            finally:
                os._exit(0)
        stream.close()
