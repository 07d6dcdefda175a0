"""An episode that fails is begun as often as the run allows, its record says how often, and why it was given up."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

import infraray
from infraray.launch import run
from infraray.runs.planning import make_plan
from infraray.runs.run_file import RunSpec
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

class Some(Moody):
    def __init__(self, folder: str):
        super().__init__("g", folder)

    def reset(self, briefing):
        super().reset(briefing)
        killers = (self.folder / "killers").read_text().split()
        self.mood = "k" if str(briefing.seed) in killers else "g"

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


SCENARIOS = [{"scenario": "load_balance", "parameters": {"warmup_steps": 2, "scored_steps": 8}}]


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where the agents note what they begin; the current folder is the one above, with their file."""
    monkeypatch.chdir(tmp_path)
    Path("moody.py").write_text(MOODY)
    Path("begun").mkdir()
    infraray.user_file._files.pop("moody.py", None)
    return tmp_path / "begun"


def asked(agent: str, retries: int, seeds: int) -> RunSpec:
    limits = {"retries": retries}
    return RunSpec.parse({"name": "x", "scenarios": SCENARIOS, "agents": [agent], "seeds": seeds, "limits": limits})


def rows_of_run(folder: Path, seeds: int) -> list:
    """The rows of the run, each with how often its episode was begun under ``begun``."""
    rows = Run("runs/x").episodes().to_pylist()
    assert sorted(row["seed"] for row in rows) == list(range(seeds))
    return [{**row, "begun": len((folder / agent_seed(row)).read_text())} for row in rows]


def agent_seed(row: dict) -> str:
    return str(int.from_bytes(bytes.fromhex(row["episode_id"])[:8]))


def play(kind: str, moods: str, retries: int, seeds: int, folder: Path) -> list:
    run(asked(f"python:moody.py:{kind}?moods={moods}&folder={folder}", retries, seeds), quiet=True)
    return rows_of_run(folder, seeds)


@pytest.mark.parametrize("moods", ["rrk", "krr", "pek"])
def test_attempts_are_those_that_were_begun_however_each_ended(moods: str, folder: Path) -> None:
    (row,) = play("Moody", moods, 2, 1, folder)
    assert (row["attempts"], row["begun"], row["status"]) == (3, 3, "failed")
    assert row["failure"] == REASONS[moods[-1]]


@pytest.mark.parametrize("moods", ["rkg"])
def test_an_episode_that_recovers_says_how_often_it_was_begun(moods: str, folder: Path) -> None:
    (row,) = play("Moody", moods, 2, 1, folder)
    assert (row["attempts"], row["begun"], row["status"], row["failure"]) == (len(moods), len(moods), "finished", None)


def check_blame(rows: list, killers: set[int], retries: int) -> None:
    """Those that kill their worker are begun as often as is allowed, and cost no other episode its attempts."""
    for row in rows:
        kills = row["seed"] in killers
        assert row["attempts"] == row["begun"]
        assert (row["status"], row["failure"]) == (("failed", "the worker died") if kills else ("finished", None))
        # What was played before the killer in its batch was lost with it once, and is then played alone.
        assert row["begun"] == retries + 1 if kills else row["begun"] in (1, 2)


def let_kill(spec: RunSpec, killers: set[int], folder: Path) -> None:
    """Makes the episodes of some seeds kill their worker."""
    seeds = [str(episode.agent_seed) for episode in make_plan(spec).episodes() if episode.seed in killers]
    (folder / "killers").write_text(" ".join(seeds))


@pytest.mark.parametrize("retries", [0, 1])
def test_only_the_episode_under_way_is_charged_when_a_worker_dies(retries: int, folder: Path) -> None:
    killers = set(random.sample(range(40), 3))
    spec = asked(f"python:moody.py:Some?folder={folder}", retries, 40)
    let_kill(spec, killers, folder)
    run(spec, quiet=True)
    check_blame(rows_of_run(folder, 40), killers, retries)


def test_many_that_kill_their_worker_are_each_begun_as_often_as_is_allowed(folder: Path) -> None:
    check_blame(play("Moody", "k", 0, 4, folder), set(range(4)), 0)


TWO_NODES = """
import sys
from pathlib import Path
import ray
from ray.cluster_utils import Cluster
from infraray.launch import run
from tests.actors.test_attempts import asked, let_kill

cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
cluster.add_node(num_cpus=1)
ray.init(address=cluster.address, log_to_driver=False)
spec = asked(f"python:moody.py:Some?folder={sys.argv[1]}", 0, 6)
let_kill(spec, {2}, Path(sys.argv[1]))
run(spec, quiet=True)
"""


def test_the_episode_under_way_on_another_node_is_known_as_well(folder: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", TWO_NODES, str(folder)], env=environment, capture_output=True, text=True, timeout=250
    )
    assert done.returncode == 0, done.stderr
    check_blame(rows_of_run(folder, 6), {2}, 0)


@pytest.mark.parametrize("kind", ["Later", "Task"])
@pytest.mark.parametrize("moods", ["rpe", "epr"])
def test_conversations_have_the_same_attempts(kind: str, moods: str, folder: Path) -> None:
    for row in play(kind, moods, 2, 8, folder):
        assert (row["attempts"], row["begun"], row["status"]) == (3, 3, "failed")
        assert row["failure"] == REASONS[moods[-1]]


def test_a_conversation_that_kills_its_worker_is_given_up_in_the_end(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    monkeypatch.setattr("infraray.actors.scheduler.PATIENCE", 2)
    (row,) = play("Later", "k", 0, 1, folder)
    assert row["attempts"] == row["begun"] == 3
    assert row["failure"] == "the worker died"
