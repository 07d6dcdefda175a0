"""What an open-ended agent has made: its folder, from which a server is launched again in fresh namespaces."""

from __future__ import annotations

import asyncio
import json
import secrets
import threading
import time
from collections import deque
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from infraray.engines.process import EngineProcess
from infraray.engines.spec import EngineSpec, read_engine_spec
from infraray.errors import InfrarayError
from infraray.isolation.limits import Limits
from infraray.isolation.session import Exit, Session, Shown
from infraray.scratch import make_scratch, remove_scratch

LAUNCHER = "start_server.sh"
PORT = 8000
"""The port, in the sandbox's network, at which the server answers."""

LAUNCHER_CHARACTERS = 20_000
LOG_LINES = 10_000
ANSWERS_S = 10.0
"""Seconds in which a server that runs must answer."""

LIFE_S = 86_400.0
"""Far more than any measurement takes."""

Result = TypeVar("Result")


@dataclass(frozen=True)
class LeftBehind:
    """A workspace, as far as the bench needs it.

    Args:
        folder: the agent's folder, on this machine.
        at: the same inside.
        readable: as for `Shown`.
        devices: likewise.
        variables: the environment of the server.
        memory_bytes: for all of its processes.
        disk_bytes: for its folders.
        url: where the agent's own server can be asked while the agent works; "" afterwards.
        engine_module: the Python module that has to be what serves; "" for any server.
    """

    folder: Path
    at: str
    readable: Mapping[str, Path]
    devices: Sequence[Path]
    variables: Mapping[str, str]
    memory_bytes: int
    disk_bytes: int
    url: str = ""
    engine_module: str = ""

    def launcher(self) -> str:
        """The text of its launcher; "" if there is none. A link is not followed: it would lead out of the sandbox."""
        path = self.folder / LAUNCHER
        if path.is_symlink() or not path.is_file():
            return ""
        with path.open(errors="replace") as file:
            return file.read(LAUNCHER_CHARACTERS)

    def running(self) -> EngineProcess:
        """The agent's own server, which is only asked.

        Raises:
            InfrarayError: it does not answer.
        """
        process = EngineProcess(_spec(self.url, ANSWERS_S))
        process.start()
        return process

    def relaunch(self, left_s: float) -> EngineProcess:
        """Launches it again, after the agent's processes are gone, and waits until it answers.

        Raises:
            InfrarayError: there is no launcher, or it is not ready in time; the text holds its own reason.
        """
        if not self.launcher():
            raise InfrarayError(f"there is no {LAUNCHER} in the workspace")
        server = Relaunched(self, left_s)
        try:
            server.start()
            server.check_engine()
        except BaseException:
            server.end()
            server.remove_log()
            raise
        return server


WORKSPACE = "workspace"
"""The key of a call in an answer."""

_left: dict[str, LeftBehind] = {}
"""By secret names, with which the agents of this process refer to them."""


def leave(left: LeftBehind, name: str = "") -> str:
    """Registers what is left behind; returns the name by which `find_left` finds it.

    Args:
        left: it.
        name: the name that it had before, if any.
    """
    name = name or secrets.token_hex(16)
    _left[name] = left
    return name


def find_left(name: str) -> LeftBehind:
    """What is registered under a name.

    Raises:
        KeyError: nothing is.
    """
    return _left[name]


def read_call(text: str) -> dict[str, Any] | None:
    """What an agent in a workspace asks for; None for any other text, since nobody else knows the names."""
    if not text.startswith('{"' + WORKSPACE + '"'):
        return None
    with suppress(ValueError, TypeError, KeyError):
        asked: dict[str, Any] = json.loads(text)[WORKSPACE]
        return asked if asked["name"] in _left else None
    return None


def say_call(name: str, do: str, quick: bool = False, processes: Sequence[str] = ()) -> str:
    """The answer that `read_call` reads.

    Args:
        name: what is left behind.
        do: ``evaluate`` or ``submit``.
        quick: whether to measure with few requests.
        processes: the command lines of the sandbox's processes.
    """
    return json.dumps({WORKSPACE: {"name": name, "do": do, "quick": quick, "processes": list(processes)}})


def forget(name: str) -> None:
    """Forgets a name."""
    _left.pop(name, None)


class Relaunched(EngineProcess):
    """A server in a sandbox of its own, started by the launcher that an agent left.

    Args:
        left: what it left.
        left_s: seconds until it must answer.
    """

    def __init__(self, left: LeftBehind, left_s: float) -> None:
        self._left = left
        self._lines: deque[str] = deque(maxlen=LOG_LINES)
        self._ended_with: int | None = None
        self._home = make_scratch()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        limits = Limits(
            wall_s=LIFE_S,
            cpu_s=LIFE_S * 1000,
            memory_bytes=left.memory_bytes,
            processes=4096,
            open_files=65_536,
            file_bytes=left.disk_bytes,
        )
        (self._home / "home").mkdir()
        shown = Shown({left.at: left.folder, "/home/agent": self._home / "home"}, left.readable, left.devices)
        self._session = Session(limits, left.disk_bytes, shown, left.at)
        try:
            port = self._do(self._begin())
        except BaseException:
            self._close()
            raise
        super().__init__(_spec(f"http://127.0.0.1:{port}/v1", max(0.1, left_s)))

    def check_engine(self) -> None:
        """Checks that the engine serves that has to.

        Raises:
            InfrarayError: none of its processes is one of that engine.
        """
        module = self._left.engine_module
        if module and not any(module in words for words in self._session.processes()):
            raise InfrarayError(f"the server is not the engine that was asked for ({module})")

    @property
    def command_lines(self) -> list[str]:
        """Those of its processes."""
        return self._session.processes()

    def alive(self) -> bool:
        """Whether it answers, and its sandbox has not been ended."""
        return not self._session.over.is_set() and super().alive()

    def log_tail(self, lines: int = 100) -> str:
        """The last lines that the launcher printed."""
        return "\n".join(list(self._lines)[-lines:])

    def why_it_ended(self) -> str:
        """The limit that it reached, or the launcher's end and last line."""
        limit = self._session.ended_by
        if limit is not None:
            return f"its processes reached the limit on {limit}"
        last = self.log_tail(1).strip()[:300]
        code = "is still running" if self._ended_with is None else f"ended with exit code {self._ended_with}"
        return f"{LAUNCHER} {code}; " + (f"last line: {last}" if last else "it printed nothing")

    def end(self) -> None:
        """Ends it with everything in its sandbox. May be called twice."""
        self._stopped = True
        self._close()

    def remove_log(self) -> None:
        """Removes its scratch folders."""
        super().remove_log()
        remove_scratch(self._home)

    def _wait_until_ready(self, deadline: float) -> bool:
        """Waits for the server, as long as there is one to wait for."""
        failed_at: float | None = None
        while not self.healthy():
            now = time.monotonic()
            if self._ended_with not in (None, 0):
                failed_at = failed_at or now + 1.0  # it may have left a server in the background
            if self._session.over.is_set() or now > deadline or (failed_at is not None and now > failed_at):
                raise InfrarayError(f"the server does not answer at port {PORT}: {self.why_it_ended()}")
            time.sleep(0.1)
        return True

    async def _begin(self) -> int:
        await self._session.start()
        self._printing = asyncio.create_task(self._print())
        return await self._session.relay(PORT)

    async def _print(self) -> None:
        argv = [
            "/bin/sh",
            "-c",
            f"if [ -x /bin/bash ]; then exec /bin/bash {LAUNCHER}; else exec /bin/sh {LAUNCHER}; fi",
        ]
        variables = {"HOME": "/home/agent", **self._left.variables}
        async for printed in self._session.run(argv, variables, ""):
            if isinstance(printed, Exit):
                self._ended_with = printed.code
            else:
                self._lines.append(printed.text[:2000])

    def _do(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _finish(self) -> None:
        await self._session.end()
        with suppress(AttributeError):
            await self._printing

    def _close(self) -> None:
        if self._thread.is_alive():
            self._do(self._finish())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()


def _spec(url: str, ready_timeout_s: float) -> EngineSpec:
    return read_engine_spec({"name": "workspace", "engine": "url", "url": url, "ready_timeout_s": ready_timeout_s})
