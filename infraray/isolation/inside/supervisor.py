"""The first process of a long-lived sandbox: starts programs when it is told to, passes on what they print, reaps.

It is told and tells over one socket with message boundaries, in JSON. No other process of the sandbox can end, stop or
inspect it: the kernel keeps signals from a pid namespace's first process, and it has made itself impossible to trace.

See `infraray.isolation.session`.
"""

from __future__ import annotations

import ctypes
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from typing import Any

PR_SET_DUMPABLE = 4

MESSAGE_BYTES = 2**17
"""The longest message either way."""

CHUNK_BYTES = 2**14
"""Output per message, which as JSON can take six times as much."""

CONNECT_S = 1.0

EXPENDABLE = 'echo 1000 > /proc/self/oom_score_adj; exec "$@"'
"""If memory runs out, the kernel ends the programs, and this process last."""


class Program:
    """A program that was started, with its open outputs by name."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        assert process.stdout is not None and process.stderr is not None
        self.pipes = {"out": process.stdout.fileno(), "err": process.stderr.fileno()}


class Supervisor:
    """Serves until the other end is closed.

    Args:
        control: the socket.
        connector: another, over which a port is asked for and a connection to it passed out.
    """

    def __init__(self, control: socket.socket, connector: socket.socket) -> None:
        self.control = control
        self.connector = connector
        self.programs: dict[int, Program] = {}
        self.selector = selectors.DefaultSelector()
        self.selector.register(control, selectors.EVENT_READ)
        self.selector.register(connector, selectors.EVENT_READ)

    def serve(self) -> None:
        """Does what it is told."""
        woken, wakes = socket.socketpair()
        for end in (woken, wakes):
            end.setblocking(False)
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # Python's own handler would let others interrupt this process
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wakes.fileno(), warn_on_full_buffer=False)
        self.selector.register(woken, selectors.EVENT_READ)
        listening = socket.create_server(("127.0.0.1", 0), backlog=128)
        hello = json.dumps({"port": listening.getsockname()[1]}).encode()
        socket.send_fds(self.control, [hello], [listening.fileno()])
        listening.close()
        while True:
            for key, _ in self.selector.select():
                if key.fileobj is self.control:
                    message = self.control.recv(MESSAGE_BYTES)
                    if not message:
                        return
                    self.obey(json.loads(message))
                elif key.fileobj is self.connector:
                    self.connect(self.connector.recv(MESSAGE_BYTES))
                elif key.fileobj is woken:
                    with suppress(BlockingIOError):
                        woken.recv(4096)
                else:
                    self.pass_on(*key.data)
            self.reap()

    def obey(self, order: dict[str, Any]) -> None:
        """Carries out one order."""
        match order["do"]:
            case "write":
                self.write(order["path"], order["text"], order["mode"])
            case "start":
                self.start(order)
            case "kill":
                if (program := self.programs.get(order["id"])) is not None:
                    with suppress(ProcessLookupError):
                        os.killpg(program.process.pid, signal.SIGKILL)
            case "clear":
                with suppress(ProcessLookupError):
                    os.kill(-1, signal.SIGKILL)  # all but this one

    def write(self, path: str, text: str, mode: str) -> None:
        """Writes, or goes on writing, a file."""
        with suppress(OSError):  # the folder may be full, or be a file by now: the program will say what it misses
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, mode) as file:
                file.write(text)

    def start(self, order: dict[str, Any]) -> None:
        """Starts a program in a session of its own."""
        number = order["id"]
        try:
            with tempfile.TemporaryFile(dir="/tmp") as given:
                given.write(order["stdin"].encode())
                given.seek(0)
                process = subprocess.Popen(
                    ["/bin/sh", "-c", EXPENDABLE, "sh", *order["argv"]],
                    stdin=given,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    env=order["env"],
                    cwd=order["cwd"],
                    start_new_session=True,
                )
        except OSError as error:
            self.tell({"id": number, "kind": "err", "text": f"{order['argv'][0]}: {error.strerror}\n"})
            self.tell({"id": number, "kind": "exit", "code": 126})
            return
        program = self.programs[number] = Program(process)
        for name, pipe in program.pipes.items():
            os.set_blocking(pipe, False)
            self.selector.register(pipe, selectors.EVENT_READ, (number, name, pipe))

    def connect(self, port: bytes) -> None:
        """Passes out a connection to a port of this network, or nothing where nobody listens."""
        if not port:
            self.selector.unregister(self.connector)
            return
        with suppress(OSError):
            try:
                with socket.create_connection(("127.0.0.1", int(port)), timeout=CONNECT_S) as made:
                    made.settimeout(None)
                    socket.send_fds(self.connector, [b"+"], [made.fileno()])
            except OSError:
                self.connector.send(b"-")

    def pass_on(self, number: int, name: str, pipe: int) -> bool:
        """Passes on what a program has printed; whether there was anything."""
        try:
            text = os.read(pipe, CHUNK_BYTES)
        except BlockingIOError:
            return False
        if text:
            self.tell({"id": number, "kind": name, "text": text.decode("latin-1")})
        else:
            self.selector.unregister(pipe)
            self.programs[number].pipes.pop(name)
        return bool(text)

    def reap(self) -> None:
        """Waits for what has ended: programs, and orphans, of which this process is the parent."""
        with suppress(ChildProcessError):
            while True:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
                if ended is None:
                    return
                number = next((n for n, program in self.programs.items() if program.process.pid == ended.si_pid), None)
                if number is None:
                    os.waitpid(ended.si_pid, 0)
                else:
                    self.end(number)

    def end(self, number: int) -> None:
        """Tells how a program ended, after everything that it printed; what it left running may keep its pipes."""
        program = self.programs[number]
        for name, pipe in list(program.pipes.items()):
            left = 64
            while name in program.pipes and left and self.pass_on(number, name, pipe):
                left -= 1
            if name in program.pipes:
                self.selector.unregister(pipe)
        process = program.process
        code = process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
        del self.programs[number]
        self.tell({"id": number, "kind": "exit", "code": code if code >= 0 else 128 - code})

    def tell(self, news: dict[str, Any]) -> None:
        """Sends one message out."""
        self.control.sendall(json.dumps(news).encode())


if __name__ == "__main__":
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    Supervisor(*(socket.socket(fileno=int(number)) for number in sys.argv[1:3])).serve()
