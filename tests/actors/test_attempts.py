"""An episode that fails is begun as often as the run allows, its record says how often, and why it was given up."""

from pathlib import Path

import pytest

import infraray
from infraray.launch import run
from infraray.runs.run_file import parse_run
from infraray.trajectories.reader import Run

pytestmark = pytest.mark.usefixtures("ray_session")

MOODY = """
import asyncio, ctypes, os, pathlib, sys
import infraray

class Panic(BaseException):
    pass

class Moody(infraray.ScriptedAgent):
    def __init__(self, moods: str, folder: str):
        self.moods, self.folder = moods, pathlib.Path(folder)

    def reset(self, briefing):
        super().reset(briefing)
        log = self.folder / f"{self.briefing.seed}"
        begun = len(log.read_text()) if log.exists() else 0
        with log.open("a") as file:
            file.write("x")
        self.mood = self.moods[min(begun, len(self.moods) - 1)]

    def act(self, observation):
        mood = self.mood
        if mood == "r":
            raise ValueError("raised")
        if mood == "p":
            raise Panic("panicked")
        if mood == "e":
            sys.exit(0)
        if mood == "k":
            os.kill(os.getpid(), 9)
        if mood == "o":
            os._exit(0)
        return 0

class Later(Moody):
    async def act(self, observation):
        await asyncio.sleep(0.01)
        return super().act(observation)

class Task(Moody):
    async def act(self, observation):
        async def child():
            return Moody.act(self, observation)

        return await asyncio.create_task(child())
"""

REASONS = {
    "r": "ValueError: raised (moody.py:23)",
    "p": "Panic: panicked (moody.py:25)",
    "e": "SystemExit: 0 (moody.py:27)",
    "k": "the worker died",
    "o": "the worker died",
}


def play(kind: str, moods: str, retries: int, seeds: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list:
    """The rows of a run, each with how often its episode was begun under ``begun``."""
    monkeypatch.chdir(tmp_path)
    Path("moody.py").write_text(MOODY)
    Path("begun").mkdir()
    infraray.user_file._files.pop("moody.py", None)
    agent = f"python:moody.py:{kind}?moods={moods}&folder={tmp_path / 'begun'}"
    scenarios = [{"scenario": "load_balance", "parameters": {"warmup_steps": 2, "scored_steps": 8}}]
    asked = {"name": "x", "scenarios": scenarios, "agents": [agent], "seeds": seeds, "limits": {"retries": retries}}
    run(parse_run(asked), quiet=True)
    rows = Run("runs/x").episodes().to_pylist()
    begun = sorted(len(log.read_text()) for log in Path("begun").iterdir())
    assert len(rows) == len(begun) == seeds
    return [
        {**row, "begun": times} for row, times in zip(sorted(rows, key=lambda row: row["attempts"]), begun, strict=True)
    ]


@pytest.mark.parametrize("moods", ["rrk", "krr", "pek"])
def test_attempts_are_those_that_were_begun_however_each_ended(
    moods: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (row,) = play("Moody", moods, 2, 1, monkeypatch, tmp_path)
    assert (row["attempts"], row["begun"], row["status"]) == (3, 3, "failed")
    assert row["failure"] == REASONS[moods[-1]]


@pytest.mark.parametrize("moods", ["rkg"])
def test_an_episode_that_recovers_says_how_often_it_was_begun(
    moods: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (row,) = play("Moody", moods, 2, 1, monkeypatch, tmp_path)
    assert (row["attempts"], row["begun"], row["status"], row["failure"]) == (len(moods), len(moods), "finished", None)


@pytest.mark.parametrize(("retries", "begun"), [(0, 2)])
def test_many_that_kill_their_worker_are_each_begun_as_often_as_is_allowed(
    retries: int, begun: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The first death may be a neighbour's, so that the second is waited for."""
    rows = play("Moody", "k", retries, 4, monkeypatch, tmp_path)
    assert all(row["begun"] <= begun and row["attempts"] <= begun for row in rows)
    assert all(row["attempts"] > retries and row["failure"] == "the worker died" for row in rows)


@pytest.mark.parametrize("kind", ["Later", "Task"])
@pytest.mark.parametrize("moods", ["rpe", "epr"])
def test_conversations_have_the_same_attempts(
    kind: str, moods: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for row in play(kind, moods, 2, 8, monkeypatch, tmp_path):
        assert (row["attempts"], row["begun"], row["status"]) == (3, 3, "failed")
        assert row["failure"] == REASONS[moods[-1]]


def test_a_conversation_that_kills_its_worker_is_given_up_in_the_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("infraray.actors.scheduler.CONVERSATION_PATIENCE", 2)
    (row,) = play("Later", "k", 0, 1, monkeypatch, tmp_path)
    assert row["attempts"] == row["begun"] == 3
    assert row["failure"] == "the worker died"
