"""``infraray run --check``: what would be played, with nothing started and nothing written."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from infraray.agents import registered_agents
from infraray.registration import find
from tests.exporters.runs import SCRIPTED, play_run

RUN = ("run", "--scenario", "load_balance", "--agent", "scripted:*", "--seeds", "4", "--check")


def everything_in(folder: Path) -> dict[str, float]:
    return {str(path): path.stat().st_mtime_ns for path in sorted(folder.rglob("*"))}


def test_a_plan_is_told_with_its_numbers_and_nothing_is_made(command, tmp_path: Path) -> None:
    said = command(*RUN, "--out", tmp_path / "run")
    assert (said.status, said.error) == (0, "")
    columns = "scenario agent seeds repetitions episodes collected owed"
    assert said.out.splitlines()[0].split() == columns.split()
    assert "load_balance scripted:random" in " ".join(said.out.split())
    find("load_balance").import_baselines()
    total = 4 * len(registered_agents("load_balance"))
    assert (
        f"valid: {total} episodes planned, 0 collected, {total} owed, in {tmp_path / 'run'}; a Ray cluster would"
        in said.out
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("finish", [True, False])
@pytest.mark.parametrize("repetitions", [1, 3])
def test_what_is_collected_is_not_owed(command, tmp_path: Path, finish: bool, repetitions: int) -> None:
    """Also what only an open segment holds; more seeds and agents owe what is new."""
    play_run(tmp_path / "run", SCRIPTED, seeds=3, finish=finish)
    plan = json.loads((tmp_path / "run" / "run.json").read_text())["plan"]
    section = {name: value for name, value in plan["scenarios"][0].items() if value is not None}
    file = tmp_path / "run.yaml"
    file.write_text(
        json.dumps({"name": "run", "scenarios": [section], "agents": [SCRIPTED, "scripted:random"], "seeds": 5})
    )
    before = everything_in(tmp_path)
    said = command("run", file, "--check", "--repetitions", repetitions, "--out", tmp_path / "run")
    assert said.status == 0, said.error
    total = 5 * 2 * repetitions
    assert f"valid: {total} episodes planned, 3 collected, {total - 3} owed" in said.out
    rows = [line.split()[1:] for line in said.out.splitlines()[1:3]]
    of_one = str(5 * repetitions)
    assert rows[0] == [SCRIPTED, "5", str(repetitions), of_one, "3", str(5 * repetitions - 3)]
    assert rows[1] == ["scripted:random", "5", str(repetitions), of_one, "0", of_one]
    assert everything_in(tmp_path) == before


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--name", "run", "--agent", "scripted:nobody"), "unknown agent scripted:nobody"),
        (("--name", "run", "--agent", "chat:m@http://127.0.0.1:1/v1?api_key_env=NO_SUCH_KEY"), "NO_SUCH_KEY"),
        (("--seeds", "x"), "seeds='x'"),
        (("--name", "other"), "holds the run 'run'; choose another --out for 'other'"),
        (("--out", ""), "--out='': is blank"),
    ],
)
def test_what_the_run_would_be_refused_for_is_told(command, tmp_path: Path, arguments, expected: str) -> None:
    play_run(tmp_path / "run", SCRIPTED, seeds=1)
    before = everything_in(tmp_path)
    said = command(*RUN, "--out", tmp_path / "run", *arguments)
    assert (said.status, said.out) == (2, "")
    assert expected in said.error and said.error.count("\n") == 1
    assert everything_in(tmp_path) == before


def test_scenarios_that_this_machine_lacks_something_for_are_all_told(command, tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text("scenarios: [inference]\nagents: ['scripted:*']\n")
    said = command("run", tmp_path / "run.yaml", "--check")
    assert said.status == 2 and said.out == ""
    assert "inference" in said.error


MANY = """
imports: [none.py]
scenarios:
  - scenario: load_balance
    parameters: {num_servers: 0, utilisation: 7}
    agents: [scripted:random]
  - scenario: abr
    agents: [scripted:nobody, "chat:m@http://127.0.0.1:1/v1?api_key_env=NO_SUCH_KEY", scripted:random]
  - scenario: inference
    parameters: {model: none}
    agents: [scripted:defaults]
  - scenario: nowhere
  - scenario: caching
    max_episode_steps: 3
  - {scenario: abr, agents: [scripted:random], invalid_action: penalty, label: abr}
agents: ["engine:none"]
"""

OBSTACLES = (
    "imports.0: none.py: ",
    "scenarios.0: load_balance: num_servers=0: ",
    "scenarios.0: load_balance: utilisation=7",
    "scenarios.1.agents.0: unknown agent scripted:nobody",
    "scenarios.1.agents.1: agent chat:m",
    "scenarios.2: inference: model='none': ",
    "scenarios.3: unknown scenario 'nowhere'",
    "scenarios.4: caching: max_episode_steps=3: ",
    "scenarios.5: a second 'abr'",
    "agents.0: agent engine:none: ",
    "run: holds the run 'run'; choose another --out for 'other'",
)


def test_all_obstacles_are_told_at_once_in_the_words_of_the_run(command, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    play_run(tmp_path / "run", SCRIPTED, seeds=1)
    (tmp_path / "run.yaml").write_text(MANY)
    before = everything_in(tmp_path)
    of_run = command("run", "run.yaml", "--name", "other", "--out", "run")
    assert (of_run.status, of_run.out) == (2, "")
    assert len(of_run.error.splitlines()) == len(OBSTACLES), of_run.error
    for obstacle in OBSTACLES:
        assert sum(obstacle in line for line in of_run.error.splitlines()) == 1, (obstacle, of_run.error)
    of_check = command("run", "run.yaml", "--name", "other", "--out", "run", "--check")
    assert of_check == of_run
    monkeypatch.setenv("RAY_TMPDIR", "here")
    and_ray = command("run", "run.yaml", "--name", "other", "--out", "run", "--check")
    assert and_ray.error.startswith(of_run.error) and "RAY_TMPDIR='here': must be an absolute path" in and_ray.error
    assert everything_in(tmp_path) == before


def test_a_cluster_that_does_not_answer_is_told(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "infraray", *RUN],
        env={**os.environ, "RAY_ADDRESS": "127.0.0.1:1"}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2 and done.stderr.startswith("error: RAY_ADDRESS='127.0.0.1:1': no Ray cluster answers")
