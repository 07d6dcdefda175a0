"""Ends of every kind: nothing of an agent outlives them, and what is finished is not played again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from infraray import isolation
from infraray.errors import InfrarayError, Unavailable
from infraray.isolation.session import Session
from infraray.trajectories.reader import Run
from infraray.workspaces import workspace as workspace_module
from tests.actors.watching import processes, wait_for
from tests.openai_server import Server
from tests.workspaces.played import SHORT, act, commands, play

pytestmark = pytest.mark.skipif(isolation.problem() is not None, reason=str(isolation.problem()))

PROGRAM = "import json, infraray, sys; infraray.run(json.load(open('run.json')), 'run', quiet=True)"


class Stuck:
    """A model of two agents at once: the first finishes, the second runs a command without an end until it may act."""

    def __init__(self) -> None:
        self.command = f"sleep {10**6 + os.getpid()}"
        self.may_act = False
        self.first: str | None = None
        self.asked_by_first = 0

    def __call__(self, body: dict[str, Any]) -> str:
        mission = body["messages"][1]["content"]
        self.first = self.first or mission
        self.asked_by_first += mission == self.first
        if mission != self.first and not self.may_act:
            return f"```bash\n{self.command}\n```"
        return f"```bash\n{'; '.join(act(0, 0, 0))}\n```"

    def runs(self) -> bool:
        """Whether the command is running."""
        words = self.command.replace(" ", "\0").encode()
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                if path.read_bytes().startswith(words):
                    return True
        return False


@pytest.fixture
def stuck() -> Iterator[tuple[Stuck, Server]]:
    model = Stuck()
    with Server(model) as server:
        yield model, server


@pytest.mark.parametrize("victim", ["driver", "worker"])
def test_a_kill_leaves_nothing_running_and_only_what_is_owed_is_played_again(
    victim: str, stuck: tuple[Stuck, Server], tmp_path: Path
) -> None:
    model, server = stuck
    section = {"scenario": "load_balance", "parameters": SHORT}
    agent = f"shell:m@{server.url}?time_s=3000"
    wanted = {"name": "ends", "scenarios": [section], "agents": [agent], "seeds": 2}
    (tmp_path / "run.json").write_text(json.dumps(wanted))
    environment = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    command = [sys.executable, "-c", PROGRAM]
    driver = subprocess.Popen(command, cwd=tmp_path, env=environment)
    try:
        wait_for(lambda: driver.poll() is not None or (model.runs() and _collected(tmp_path / "run") == 1), 120)
        asked = model.asked_by_first
        if victim == "worker":
            model.may_act = True
            for worker in processes("ray::ConversationWorker"):
                with suppress(ProcessLookupError):
                    os.kill(worker, signal.SIGKILL)
        else:
            driver.kill()
            driver.wait()
            wait_for(lambda: not model.runs())
            model.may_act = True
            driver = subprocess.Popen(command, cwd=tmp_path, env=environment)
        assert driver.wait(180) == 0
    finally:
        driver.kill()
        driver.wait()
    assert not model.runs()
    assert _collected(tmp_path / "run") == 2 and model.asked_by_first == asked
    assert Run(tmp_path / "run").episodes()["failure"].to_pylist() == [None, None]


def _collected(folder: Path) -> int:
    with suppress(InfrarayError):
        return Run(folder).episodes().num_rows
    return 0


@pytest.mark.parametrize("where", ["folders", "sandbox"])
def test_a_full_disk_is_nobodys_failure(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    if where == "folders":
        monkeypatch.setattr(workspace_module.Workspace, "_furnish", full)
    else:
        monkeypatch.setattr(Session, "_begin", full)
    with pytest.raises(Unavailable, match=r"\(No space left on device\); free space there and run") as told:
        play(commands(), **SHORT)
    assert "\n" not in str(told.value)


def test_time_that_is_over_while_a_tool_is_asked_ends_the_work_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[workspace_module.Workspace] = []
    begin = workspace_module.Workspace.open

    async def noted(workspace: workspace_module.Workspace, mission: str) -> None:
        opened.append(workspace)
        await begin(workspace, mission)

    monkeypatch.setattr(workspace_module.Workspace, "open", noted)
    says = commands(*act(0, 0, 0))

    def say(body: dict[str, Any]) -> Any:
        if len(body["messages"]) > 3:
            opened[0].deadline = time.monotonic()
        return says(body)

    played = play(say, **SHORT, invalid_action="end")
    assert played.summary["ended"] == "time"
    assert [step.info["valid"] for step in played.trajectory.steps] == [True, False]
