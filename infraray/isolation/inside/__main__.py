"""The warm interpreter: imports and prepares once, then forks a child for every request.

It reads a settings frame, and then over the same socket one byte with three descriptors per request: the child's
stream, a pipe for its output, and one for its warden's reports. The warden makes the namespaces, forks the child,
passes on a pidfd of it and reports how it ended. The request comes over the child's stream, so no part of it is ever
in the interpreter from which the next child is forked.
"""

from __future__ import annotations

import gc
import importlib.util
import json
import os
import socket
import struct
import sys
from contextlib import suppress
from types import ModuleType
from typing import Any

from . import confinement, memory

HEAD = struct.Struct(">I")

STREAM, OUTPUT, WARDEN = 0, 1, 2
"""The descriptors of a request, in order."""


def main(control: socket.socket) -> None:
    """Serves until the other end is closed."""
    settings = json.loads(receive(control))
    preparation = receive(control)
    module = load(settings["module"])
    prepared = module.prepare(preparation)
    del preparation
    gc.collect()
    gc.freeze()  # a collection would write to shared memory
    memory.collapse()
    control.sendall(b"\n")
    while True:
        message, files, _, _ = socket.recv_fds(control, 1, 3)
        if not message:
            return
        bury()
        if os.fork() == 0:
            warden = socket.socket(fileno=files[WARDEN])
            try:
                control.close()
                guard(warden, files, settings, module, prepared)
            except OSError as error:
                warden.sendall(json.dumps({"error": str(error)}).encode())
            finally:
                os._exit(0)
        for file in files:
            os.close(file)


def bury() -> None:
    """Waits for the wardens that have ended, so that their processor time counts as the interpreter's."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def guard(warden: socket.socket, files: list[int], settings: dict[str, Any], module: ModuleType, prepared: Any) -> None:
    """Forks the child into its own namespaces, from outside its pid namespace, and reports how it ended."""
    confinement.make_namespaces()
    child = os.fork()
    if child == 0:
        try:
            warden.close()
            answer(socket.socket(fileno=files[STREAM]), files[OUTPUT], settings, module, prepared)
        finally:
            os._exit(1)
    os.close(files[STREAM])
    os.close(files[OUTPUT])
    handle = os.pidfd_open(child)
    socket.send_fds(warden, [b"\n"], [handle])
    _, status = os.waitpid(child, 0)
    warden.sendall(json.dumps({"exit": os.waitstatus_to_exitcode(status)}).encode())


def answer(stream: socket.socket, output: int, settings: dict[str, Any], module: ModuleType, prepared: Any) -> None:
    """Gives up all rights, then reads the request and answers it."""
    confinement.furnish(settings["tmpfs_bytes"])
    nothing = os.open("/dev/null", os.O_RDONLY)
    for here, there in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(here, there)
    kept = stream.fileno()
    os.closerange(3, kept)
    os.closerange(kept + 1, settings["limits"]["RLIMIT_NOFILE"])
    confinement.limit(settings["limits"])
    confinement.give_up_rights(bytes.fromhex(settings["filter"]))
    stream.sendall(b"\n")
    request = receive(stream)
    reply = module.answer(prepared, request)
    stream.sendall(HEAD.pack(len(reply)) + reply)
    os._exit(0)


def receive(stream: socket.socket) -> bytes:
    """A frame: its length, four bytes with the highest first, and its content."""
    (length,) = HEAD.unpack(_exactly(stream, HEAD.size))
    return _exactly(stream, length)


def load(path: str) -> ModuleType:
    """The module that prepares and answers."""
    spec = importlib.util.spec_from_file_location("module", path)
    assert spec is not None and spec.loader is not None
    module = sys.modules["module"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _exactly(stream: socket.socket, length: int) -> bytes:
    received = bytearray()
    while len(received) < length:
        taken = stream.recv(min(2**20, length - len(received)))
        if not taken:
            raise EOFError
        received += taken
    return bytes(received)


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
