"""Launches from a process that has already imported the engine: the owner's side of `zygote.py`.

Most of a large engine's start-up time goes into imports, in each of its processes. A zygote, as
Android and Chromium call it, has done them once, and each server is a fork of it. In everything
else, a launch equals a plain one: the same command line, environment, supervision and log.
"""

from __future__ import annotations

import json
import os
import select
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from infraray.engines.kind import EngineKind
from infraray.engines.supervised import SupervisedCommand
from infraray.engines.supervisor import KILL_S
from infraray.scratch import make_scratch, remove_scratch

_ZYGOTE = Path(__file__).with_name("zygote.py")


class PreloadedLauncher:
    """Keeps one zygote for each engine and interpreter that it has launched, and replaces one that died.

    What a zygote imported depends on the environment variables, so that a launch with others replaces
    it as well.
    """

    def __init__(self) -> None:
        self._zygotes: dict[tuple[str, str], _Zygote] = {}

    def launch(
        self, engine: EngineKind, command: Sequence[str], environment: Mapping[str, str], log: Path, grace_s: float
    ) -> PreloadedServer:
        """Starts a server; the first of its kind waits for the imports.

        Args:
            engine: says what is imported.
            command: the command line of a plain start, the interpreter first.
            environment: its environment variables.
            log: the file that gets what it prints.
            grace_s: how long it may take to end by itself once it is asked to.
        """
        kind = engine.name, command[0]
        zygote = self._zygotes.get(kind)
        if zygote is None or not zygote.fits(environment):
            if zygote is not None:
                zygote.end()
            zygote = self._zygotes[kind] = _Zygote(command[0], engine, environment, grace_s)
        return PreloadedServer(zygote, command[1:], log, grace_s)

    def wait(self) -> None:
        """Returns when each zygote has done its imports, including those that its first server taught it."""
        for zygote in self._zygotes.values():
            zygote.wait()

    def end(self) -> None:
        """Ends every zygote and what was launched from it. May be called twice; a later launch starts others."""
        while self._zygotes:
            self._zygotes.popitem()[1].end()


class _Zygote:
    """A process that has imported an engine."""

    def __init__(self, python: str, engine: EngineKind, environment: Mapping[str, str], grace_s: float) -> None:
        self._environment = dict(environment)
        self._folder = make_scratch()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs:
            self._process = SupervisedCommand(
                [python, str(_ZYGOTE), str(theirs.fileno()), "{}", ",".join(engine.read_late), *engine.preload],
                environment,
                self._folder / "zygote.log",
                # Its servers' own supervisors come first.
                grace_s + 1,
                [theirs.fileno()],
            )

    def fits(self, environment: Mapping[str, str]) -> bool:
        """Whether it is alive and was started in the same environment."""
        return self.status() is None and self._environment == dict(environment)

    def status(self) -> int | None:
        """The exit status once it and all servers are gone."""
        return self._process.status()

    def why_it_ended(self) -> str:
        """The last line that it printed."""
        try:
            return (self._folder / "zygote.log").read_text(errors="replace").strip().splitlines()[-1][:300]
        except (OSError, IndexError):
            return f"exit status {self.status()}"

    def ask(self, request: Mapping[str, object], descriptors: Sequence[int]) -> None:
        """Sends a request and descriptors; nobody reads it if the process is gone."""
        data = json.dumps(request).encode()
        socket.send_fds(self._control, [len(data).to_bytes(8, "big")], list(descriptors))
        self._control.sendall(data)

    def wait(self) -> None:
        """Returns once it is able to fork a server, or is gone."""
        closed, closes = os.pipe()
        with os.fdopen(closed, "rb") as answer:
            with os.fdopen(closes, "wb"), suppress(ConnectionError):
                self.ask({}, [closes])
            answer.read()

    def end(self) -> bool:
        """Ends it and its servers, and returns whether nothing is left."""
        self._control.close()
        ended = self._process.end(2 * KILL_S)
        remove_scratch(self._folder)
        return ended


class PreloadedServer:
    """A server that a zygote forks, below two supervisors of its own.

    Args:
        zygote: forks it.
        command: the command line after the interpreter.
        log: the file that gets its output.
        grace_s: how long it may take to end by itself once asked to.
    """

    def __init__(self, zygote: _Zygote, command: Sequence[str], log: Path, grace_s: float) -> None:
        self._zygote = zygote
        self._log = log
        self._text = b""
        lifeline, held = os.pipe()
        told, tells = os.pipe()
        os.set_blocking(told, False)
        self._lifeline, self._told = os.fdopen(held, "wb"), os.fdopen(told, "rb", buffering=0)
        with os.fdopen(lifeline), os.fdopen(tells, "wb"), suppress(ConnectionError):
            # If nobody reads the request any more, `status` finds that the zygote is gone.
            request = {"command": list(command), "owner": os.getpid(), "log": str(log), "grace_s": grace_s}
            zygote.ask(request, [lifeline, tells])

    @property
    def pid(self) -> int | None:
        """The root of its processes; None before it is forked."""
        told = self._read()
        return int(told[0]) if told else None

    def status(self) -> int | None:
        """The exit status once nothing is left; None until then."""
        told = self._read()
        if len(told) > 1:
            return int(told[1])
        if not self._told.closed:
            return None
        # The zygote is gone without notice. Nothing is left once its supervisors are gone, too.
        status = self._zygote.status()
        if status is not None and not self._log.exists():
            self._log.write_text(f"PreloadedLauncherError: {self._zygote.why_it_ended()}\n")
        return status

    def end(self, timeout_s: float) -> bool:
        """Ends it, and returns whether nothing is left in time. May be called twice."""
        self._lifeline.close()
        if self.pid is None:
            # Not forked yet: the imports need not be waited for.
            self._told.close()
            return self._zygote.end()
        deadline = time.monotonic() + timeout_s
        while self.status() is None:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                return False
            if self._told.closed:
                time.sleep(0.01)
            else:
                select.select([self._told], [], [], left_s)
        return True

    def _read(self) -> list[bytes]:
        """What the zygote has reported so far: the process id, then the exit status."""
        while not self._told.closed and (data := self._told.read(4096)) is not None:
            self._text += data
            if not data or len(self._text.split()) > 1:
                self._told.close()
        return self._text.split()
