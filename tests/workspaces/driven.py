"""Starts of a real scaffold as a plain process, without the sandbox: what it is given, what it prints, how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from infraray.workspaces.scaffolds.events import Event, Failure, Started
from infraray.workspaces.scaffolds.scaffold import Launch, Scaffold, Workplace

PATIENCE_S = 120.0
"""Far longer than any start takes, on a machine with other work as well."""


@dataclass(frozen=True)
class Outcome:
    """How one start went.

    Args:
        launch: what was started.
        lines: what it printed.
        events: what of it was understood.
        exit_code: None if it was ended by us.
        failure: as the scaffold classifies it.
    """

    launch: Launch
    lines: list[str]
    events: list[Event]
    exit_code: int | None
    failure: Failure | None


class Driven:
    """One run of a scaffold, with a folder and a HOME of its own.

    Args:
        scaffold: which.
        folder: an empty one.
        base_url: where its model answers.
    """

    def __init__(self, scaffold: Scaffold, folder: Path, base_url: str) -> None:
        self.scaffold = scaffold
        self.at = Workplace(folder / "workspace", folder / "home", base_url, "scripted-model", 200_000)
        self.at.workspace.mkdir()
        self.at.home.mkdir()
        self.session: str | None = None
        self._told = folder / "told"

    def start(self, mission: str, until: Callable[[Event], bool] = lambda event: False) -> Outcome:
        """The first start, which is ended after an event if it does not end by itself."""
        return self._play(self.scaffold.start(self.at), mission, until)

    def resume(self, words: str) -> Outcome:
        """A further start."""
        return self._play(self.scaffold.resume(self.at, self.session), words, lambda event: False)

    def _play(self, launch: Launch, words: str, until: Callable[[Event], bool]) -> Outcome:
        for path, content in launch.files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        self._told.write_text(words)
        env = {"HOME": str(self.at.home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "TERM": "dumb", **launch.env}
        reader, lines, events, ended = self.scaffold.reader(), [], [], False
        with self._told.open() as told, (self._told.parent / "errors").open("w+") as errors:
            process = subprocess.Popen(
                list(launch.argv),
                stdin=told,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=env,
                cwd=self.at.workspace,
                start_new_session=True,
            )
            patience = threading.Timer(PATIENCE_S, os.killpg, (process.pid, signal.SIGKILL))
            patience.start()
            try:
                assert process.stdout is not None
                for line in process.stdout:
                    lines.append(line.rstrip("\n"))
                    found = reader.read(lines[-1])
                    events += found
                    if any(map(until, found)):
                        ended = True
                        os.killpg(process.pid, signal.SIGKILL)
                process.stdout.close()
                code = process.wait()
            finally:
                patience.cancel()
            errors.seek(0)
            exit_code = None if ended else code if code >= 0 else 128 - code
            failure = self.scaffold.failure(exit_code, events, len(lines), errors.read()[-2000:])
        self.session = next((event.session for event in events if isinstance(event, Started)), self.session)
        return Outcome(launch, lines, events, exit_code, failure)
