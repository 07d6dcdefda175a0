"""One run in a workspace: its folders, its sandbox, its proxy, and the loop that starts and resumes the scaffold."""

from __future__ import annotations

import asyncio
import math
import os
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from infraray.errors import Unavailable
from infraray.isolation.limits import Limits
from infraray.isolation.packages import interpreter
from infraray.isolation.session import Exit, Printed, Session, Shown
from infraray.scratch import make_scratch, remove_scratch
from infraray.workspaces.door import WORKSPACE, Door, Opened
from infraray.workspaces.options import GIB, WorkspaceOptions
from infraray.workspaces.package_index import PIP, pip_package, pip_script, variables
from infraray.workspaces.prompts import go_on
from infraray.workspaces.proxy import Proxy, Tool
from infraray.workspaces.record import Record
from infraray.workspaces.scaffolds.events import Ended, Event, Failure, Said, ShellCommand, Started, Trouble
from infraray.workspaces.scaffolds.scaffold import Launch, Reader, Scaffold, Workplace
from infraray.workspaces.upstream import Model

HOME = Path("/home/agent")
TOOLS = Path("/tools")
PIP_PLACE = TOOLS / "packages" / PIP
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

FRUITLESS = 3
"""Starts in a row in which the agent does nothing, after which it counts as having stopped."""

STUMBLES = 12
"""Troubles in a row without a command between them, after which a start is ended: Codex reconnects for ever to a server
that is gone, OpenCode repeats for ever what the server refuses or what it cannot read."""

PAUSES_S = (0.0, 0.5, 2.0)
"""Before the next start, by the number of fruitless ones."""

ERROR_CHARACTERS = 4000

HOPELESS = (Failure.NEEDS_LOGIN, Failure.NOT_STARTED)
"""Failures that no repetition helps, and which are not the agent's."""

_TOOL = Path(__file__).with_name("inside") / "tool.py"


class Workspace:
    """The run. `close` must be called in any case.

    Args:
        scaffold: what works in it.
        model: the model that the scaffold is given.
        door: the scenario's.
        options: budget and limits.
        time_s: seconds from `open` on.
        tool: answers the tools.
    """

    def __init__(
        self, scaffold: Scaffold, model: Model, door: Door, options: WorkspaceOptions, time_s: float, tool: Tool
    ) -> None:
        self.scaffold = scaffold
        self.version = scaffold.version()
        self.door = door
        self.options = options
        self.time_s = time_s
        self.record = Record()
        self.proxy = Proxy(model, self.record, tool, options.tokens, scaffold.calls_tools, options.packages)
        self.ended: str | None = None
        """Why the agent works no more: ``time``, ``tokens``, ``stopped`` (it did nothing any more), a limit of its
        processes, or ``over`` (the episode is); None while it works."""
        self.failures: dict[str, int] = {}
        """Starts that failed, by the class of their failure."""
        self.starts = 0
        self._session: Session | None = None
        self._work: asyncio.Task[None] | None = None
        self._last_line = 0.0

    async def open(self, mission: str) -> None:
        """Makes the folders and the sandbox, and starts the agent.

        Args:
            mission: what it is told.

        Raises:
            InfrarayError: this machine cannot isolate it.
            Unavailable: its folders cannot be made, such as on a full disk.
        """
        self.deadline = time.monotonic() + self.time_s
        try:
            await asyncio.to_thread(self._furnish, mission)
            await self._begin()
        except OSError as error:
            raise Unavailable(
                f"no workspace can be made below {tempfile.gettempdir()} ({error.strerror or error}); free space there "
                "and run the same command again"
            ) from None
        self._work = asyncio.create_task(self._drive(mission))

    async def _begin(self) -> None:
        """Makes the sandbox, and serves what it can reach."""
        options = self.options
        memory = int(options.memory_gb * GIB)
        limits = Limits(
            wall_s=self.time_s + 60.0,
            cpu_s=self.time_s * 4 * (os.cpu_count() or 1),
            memory_bytes=memory,
            processes=options.processes,
            open_files=65_536,
            file_bytes=int(options.disk_gb * GIB),
        )
        programs = {str(place): place for place in self.scaffold.folders()}
        if options.packages and (pip := pip_package()) is not None:
            programs[str(PIP_PLACE)] = pip
        shown = Shown(
            {str(WORKSPACE): self.folder / "work", str(HOME): self.folder / "home"},
            {str(TOOLS): self.folder / "tools", **programs, **self.door.readable()},
            self.door.devices(),
        )
        self._session = Session(limits, int(options.disk_gb * GIB), shown, str(WORKSPACE), self._limit)
        await self._session.start()
        assert self._session.listener is not None
        self._port = self._session.port
        (self.folder / "tools" / "port").write_text(str(self._port))
        await self.proxy.serve(self._session.listener.dup())
        port = self.door.server_port
        self._tell_door("" if port is None else f"http://127.0.0.1:{await self._session.relay(port)}/v1")

    @property
    def left_s(self) -> float:
        """Seconds that are left."""
        return max(0.0, self.deadline - time.monotonic())

    @property
    def session(self) -> Session:
        """The sandbox, while it is open."""
        assert self._session is not None
        return self._session

    @property
    def work(self) -> Path:
        """The folder in which the agent works, on this machine."""
        return self.folder / "work"

    async def wait(self, asked: asyncio.Future[Any]) -> bool:
        """Waits until a tool is called or the agent works no more; whether a tool was called.

        Args:
            asked: done when a tool was called.

        Raises:
            Unavailable: the model's server is gone, or the scaffold cannot be started here at all.
        """
        assert self._work is not None
        changed = asyncio.ensure_future(self.proxy.changed.wait())
        over = asyncio.ensure_future(self.session.over.wait())
        try:
            await asyncio.wait(
                {asked, changed, over, self._work}, timeout=self.left_s, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            changed.cancel()
            over.cancel()
        if self.proxy.unavailable is not None:
            raise Unavailable(str(self.proxy.unavailable))
        if asked.done() and self.left_s > 0:
            return True
        if self.left_s <= 0:
            self.ended = "time"
        elif self.proxy.is_spent:
            self.ended = "tokens"
        elif self.session.over.is_set():
            self.ended = self.session.ended_by or "crashed"
        else:
            await self._work
            self.ended = "stopped"
        return False

    async def end(self, why: str = "over") -> None:
        """Ends everything that the agent runs; what it left in its folder stays. May be called twice."""
        if self._session is None:
            return
        self.ended = self.ended or why
        session, self._session = self._session, None
        if self._work is not None:
            self._work.cancel()
        await session.end()
        if self._work is not None:
            with suppress(asyncio.CancelledError, Exception):
                await self._work
        await self.proxy.close()
        self._tell_door("")

    async def close(self) -> None:
        """Ends it and removes its folders."""
        try:
            await self.end()
        finally:
            self.door.closed()
            if hasattr(self, "folder"):
                await asyncio.to_thread(remove_scratch, self.folder)

    def summary(self) -> dict[str, Any]:
        """Facts of the run so far, for the record."""
        spent = self.record.spent
        return {
            "ended": self.ended,
            "scaffold": self.scaffold.name,
            "version": self.version,
            "starts": self.starts,
            "failures": dict(self.failures),
            "side_tokens": spent.side_tokens,
            "requests": spent.requests,
            "removed": dict(self.record.removed),
            "left_out": self.record.left_out,
            "used_s": round(self.time_s - self.left_s, 3),
        }

    def _furnish(self, mission: str) -> None:
        """Makes the folders."""
        self.folder = folder = make_scratch()
        for name in ("work", "home", "tools/bin"):
            (folder / name).mkdir(parents=True)
        script = f"#!{interpreter()} -IB\n{_TOOL.read_text()}"
        programs = dict.fromkeys((*self.door.tools, "timer"), script)
        if self.options.packages:
            (folder / "tools" / PIP_PLACE.relative_to(TOOLS)).mkdir(parents=True)
            programs[PIP] = pip_script(PIP_PLACE.parent)
        for name, text in programs.items():
            program = folder / "tools" / "bin" / name
            program.write_text(text)
            program.chmod(0o755)
        for name, content in {"MISSION.md": mission, **self.door.files()}.items():
            (folder / "work" / name).write_text(content)
            (folder / "work" / name).chmod(0o777 if name.endswith(".sh") else 0o666)

    def _tell_door(self, url: str) -> None:
        memory, disk = int(self.options.memory_gb * GIB), int(self.options.disk_gb * GIB)
        processes = list if self._session is None else self._session.processes
        self.door.opened(Opened(self.work, url, memory, disk, processes, self._of_packages()))

    def _limit(self, limit: str) -> None:
        self.record.add("limit", limit=limit)

    async def _drive(self, mission: str) -> None:
        """Starts the scaffold, and resumes it whenever it ends before its time."""
        base_url, options = f"http://127.0.0.1:{self._port}", self.options
        at = Workplace(WORKSPACE, HOME, base_url, self.proxy.model.name, options.context_tokens)
        conversation: str | None = None
        told, launch = mission, self.scaffold.start(at)
        fruitless = 0
        while True:
            before = self.record.spent.requests
            events, failure, errors = await self._run(launch, told)
            conversation = next((e.session for e in events if isinstance(e, Started)), conversation)
            did = any(isinstance(event, ShellCommand) for event in events) or self._did_something
            fruitless = 0 if did else fruitless + 1
            if failure is not None:
                self.failures[failure.value] = self.failures.get(failure.value, 0) + 1
            if failure in HOPELESS:
                said = " ".join(errors.split())[-300:]
                raise Unavailable(
                    f"{self.scaffold.name}: {failure.value.replace('_', ' ')}: {said or 'without a word'}"
                )
            if fruitless >= FRUITLESS:
                return
            await asyncio.sleep(PAUSES_S[fruitless])
            told = go_on(math.ceil(self.left_s / 60), None if failure is None else failure.value.replace("_", " "))
            # A conversation that never began cannot go on.
            if self.record.spent.requests == before and conversation is None and self.starts == 1:
                launch, told = self.scaffold.start(at), f"{mission}\n\n{told}"
            else:
                launch = self.scaffold.resume(at, conversation)

    async def _run(self, launch: Launch, told: str) -> tuple[list[Event], Failure | None, str]:
        """One start, from its beginning to its end."""
        session, record = self.session, self.record
        for path, content in launch.files.items():
            await session.write(path, content)
        self.starts += 1
        self._did_something = False
        record.add("start", argv=list(launch.argv), number=self.starts)
        reader = self.scaffold.reader()
        events: list[Event] = []
        errors, lines, code = "", 0, None
        numbers: list[int] = []
        stumbles = 0
        self._last_line = time.monotonic()
        watching = asyncio.create_task(self._watch_silence(numbers))
        try:
            async for printed in session.run(launch.argv, self._environment(launch.env), told, numbers.append):
                if isinstance(printed, Exit):
                    code = printed.code
                elif printed.is_error:
                    errors = (errors + printed.text + "\n")[-ERROR_CHARACTERS:]
                else:
                    lines += 1
                    self._last_line = time.monotonic()
                    for event in self._read(reader, printed):
                        self._note(event)
                        events.append(event)
                        stumbles = _stumbles(stumbles, event)
                        if stumbles == STUMBLES and numbers:
                            await session.stop(numbers[-1])
        finally:
            watching.cancel()
        silent = watching.done() and not watching.cancelled() and watching.exception() is None
        failure = self.scaffold.failure(None if silent else code, events, lines, errors)
        record.add("exit", code=code, failure=None if failure is None else failure.value, errors=errors)
        return events, failure, errors

    def _read(self, reader: Reader, printed: Printed) -> list[Event]:
        """The events of a line; a reader that an odd line upsets has none for it."""
        try:
            return reader.read(printed.text)
        except Exception as error:
            return [Trouble(Failure.UNREADABLE, f"{type(error).__name__}: {printed.text[:200]}")]

    def _note(self, event: Event) -> None:
        match event:
            case ShellCommand(command, output, exit_code):
                self.record.add("shell", command=command, output=output, exit_code=exit_code)
            case Trouble(failure, text) | Ended(Failure() as failure, text):
                self.record.add("trouble", failure=failure.value, text=text)
            case Said() | Started() | Ended():
                pass  # the proxy's record has what was said

    async def _watch_silence(self, numbers: list[int]) -> None:
        """Stops a start that has been silent for too long."""
        while True:
            await asyncio.sleep(min(1.0, self.scaffold.silence_s / 4))
            last = max(self._last_line, self.proxy.last_s)
            if self.proxy.in_flight == 0 and numbers and time.monotonic() - last > self.scaffold.silence_s:
                await self.session.stop(numbers[-1])
                return

    def used_a_tool(self) -> None:
        """Notes that the agent did something in this start."""
        self._did_something = True

    def _environment(self, more: Mapping[str, str]) -> dict[str, str]:
        bins = [
            str(TOOLS / "bin"),
            *(str(place / "bin") for place in self.scaffold.folders() if (place / "bin").is_dir()),
        ]
        path = ":".join([*bins, PATH])
        return {"HOME": str(HOME), "PATH": path, **self.door.variables(), **self._of_packages(), **more}

    def _of_packages(self) -> Mapping[str, str]:
        return variables(self._port, WORKSPACE) if self.options.packages else {}


def _stumbles(before: int, event: Event) -> int:
    """Troubles in a row, this event included."""
    match event:
        case ShellCommand():
            return 0
        case Trouble() | Ended(Failure()):
            return before + 1
    return before
