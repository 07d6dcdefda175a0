"""A run plays every episode once, the same on any number of workers, whatever its agents do."""

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

import infraray
from infraray.actors.scheduler import Summary
from infraray.episodes import EpisodePlayer
from infraray.errors import InfrarayError
from infraray.launch import run
from infraray.reports.report import report
from infraray.runs.planning import make_plan
from infraray.runs.run_file import RunSpec
from infraray.seeds import SeedRange
from infraray.trajectories.reader import Run
from infraray.trajectories.store import RunStore
from tests.actors.watching import content

TROUBLESOME = str(Path(__file__).with_name("troublesome.py"))
SMALL = {
    "name": "small",
    "scenarios": [{"scenario": "load_balance", "parameters": {"warmup_steps": 2, "scored_steps": 8}}],
    "agents": ["scripted:random", "scripted:least_work_left", "scripted:power_of_two?choices=3"],
    "seeds": 20,
    "repetitions": 2,
}


def coin(agent: str, **changes) -> dict:
    return {"name": "coin", "imports": [TROUBLESOME], "scenarios": ["coin"], "agents": [agent], "seeds": 40, **changes}


pytestmark = pytest.mark.usefixtures("ray_session")


def test_results_do_not_depend_on_the_number_of_workers(tmp_path: Path) -> None:
    for workers in (1, 2):
        summary = run({**SMALL, "workers": workers}, tmp_path / str(workers), quiet=True)
        assert (summary.planned, summary.finished, summary.failed) == (120, 120, 0)
    assert content(tmp_path / "1")[0].equals(content(tmp_path / "2")[0])
    assert content(tmp_path / "1")[1].equals(content(tmp_path / "2")[1])


def test_collected_episodes_are_those_that_the_loop_plays(tmp_path: Path) -> None:
    run(SMALL, tmp_path / "run", quiet=True)
    rows = {row["episode_id"]: row for row in Run(tmp_path / "run").episodes().to_pylist()}
    player = EpisodePlayer(60)
    plan = make_plan(RunSpec.parse(SMALL))
    for spec in plan.episodes():
        trajectory = player.play(spec)
        assert rows[spec.id.hex()]["score"] == trajectory.measures.score
        assert rows[spec.id.hex()]["floor"] == trajectory.floor
        assert rows[spec.id.hex()]["bound"] == trajectory.bound
    assert len(rows) == plan.total == 120


def test_agents_meet_the_same_tasks(tmp_path: Path) -> None:
    run(SMALL, tmp_path / "run", quiet=True)
    bounds: dict[int, set[float]] = {}
    for row in Run(tmp_path / "run").episodes().to_pylist():
        bounds.setdefault(row["seed"], set()).add(row["bound"])
    assert len(bounds) == 20
    assert all(len(found) == 1 for found in bounds.values())


def test_a_second_run_plays_only_what_is_owed(tmp_path: Path) -> None:
    run(SMALL, tmp_path / "run", quiet=True)
    before = content(tmp_path / "run")
    again = run(SMALL, tmp_path / "run", quiet=True)
    assert (again.found, again.finished) == (120, 0)
    assert content(tmp_path / "run")[1].equals(before[1])
    more = run({**SMALL, "seeds": "10:30"}, tmp_path / "run", quiet=True)
    assert (more.planned, more.found, more.finished) == (120, 60, 60)
    assert Run(tmp_path / "run").episodes().num_rows == 180


def test_changed_parameters_are_other_episodes(tmp_path: Path) -> None:
    run(SMALL, tmp_path / "run", quiet=True)
    parameters = {"warmup_steps": 2, "scored_steps": 8, "utilisation": 0.5}
    changed = run(
        {**SMALL, "scenarios": [{"scenario": "load_balance", "parameters": parameters}]}, tmp_path / "run", quiet=True
    )
    assert (changed.found, changed.finished) == (0, 120)


def bad_seeds(agent: str) -> set[int]:
    """Seeds whose episode meets the agent's bad mood."""
    return {spec.seed for spec in make_plan(RunSpec.parse(coin(agent))).episodes() if spec.agent_seed % 5 == 0}


def check_only_the_bad_ones_failed(summary: Summary, run_dir: Path, agent: str, reason: str) -> None:
    rows = Run(run_dir).episodes().to_pylist()
    assert sorted(row["seed"] for row in rows) == list(range(40))
    failed = [row for row in rows if row["status"] == "failed"]
    assert {row["seed"] for row in failed} == bad_seeds(agent) != set()
    assert all(reason in row["failure"] and "\n" not in row["failure"] for row in failed)
    # What ended in time, and its worker before it said so, was begun once more.
    assert all(row["score"] is None and row["attempts"] in (2, 3) for row in failed)
    assert (summary.finished, summary.failed) == (40 - len(failed), len(failed))
    assert summary.failures


@pytest.mark.parametrize(
    ("agent", "reason", "episode_s"),
    [
        ("scripted:raises", "ZeroDivisionError: rubbish in two lines", 60),
        ("scripted:sleeps", "TimeLimit: over the limit of 0.3 s", 0.3),
        ("scripted:exits", "the worker died", 60),
    ],
)
def test_a_failing_episode_is_retried_recorded_and_passed_over(
    tmp_path: Path, agent: str, reason: str, episode_s: float
) -> None:
    summary = run(coin(agent, limits={"episode_s": episode_s, "retries": 1}), tmp_path / "run", quiet=True)
    check_only_the_bad_ones_failed(summary, tmp_path / "run", agent, reason)


def test_an_episode_that_hangs_in_native_code_costs_its_worker_and_no_other_episode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infraray.actors.scheduler.GRACE_S", 0.5)
    limits = {"episode_s": 0.3, "retries": 1}
    summary = run(coin("scripted:hangs", limits=limits), tmp_path / "run", quiet=True)
    check_only_the_bad_ones_failed(summary, tmp_path / "run", "scripted:hangs", "TimeLimit: over the limit of 0.3 s")


def test_an_episode_that_hangs_is_ended_long_before_its_batch_would_be_due(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infraray.actors.scheduler.GRACE_S", 0.5)
    agent = f"scripted:hangs_once?folder={tmp_path}"
    # A batch of 150, which may take 750 s.
    summary = run(coin(agent, seeds=600, workers=1, limits={"episode_s": 5}), tmp_path / "run", quiet=True)
    assert (summary.finished, summary.failed) == (600, 0)
    assert (tmp_path / "hung").exists()
    assert summary.wall_s < 150


def test_an_episode_that_fails_once_is_played_again(tmp_path: Path) -> None:
    (tmp_path / "markers").mkdir()
    summary = run(coin(f"scripted:recovers?folder={tmp_path / 'markers'}"), tmp_path / "run", quiet=True)
    assert (summary.finished, summary.failed) == (40, 0)
    assert set(Run(tmp_path / "run").episodes().column("attempts").to_pylist()) == {2}


def test_a_changed_agent_file_is_another_agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    asked = {"name": "mine", "scenarios": SMALL["scenarios"], "agents": ["python:mine.py:act"], "seeds": 3}
    for answer, finished in ((0, 3), (0, 0), (1, 3)):
        Path("mine.py").write_text(f"def act(observation):\n    return {answer}\n")
        infraray.user_file._files.clear()
        assert run(asked, quiet=True).finished == finished
    understood = Run("runs/mine").steps().column("action_understood").to_pylist()
    assert sorted(set(understood)) == ["0", "1"]


def test_many_conversations_wait_side_by_side(tmp_path: Path) -> None:
    summary = run(coin("scripted:waits", seeds=100), tmp_path / "run", quiet=True)
    assert (summary.finished, summary.failed) == (100, 0)
    assert summary.wall_s < 50  # one after the other they take 100 s
    steps = Run(tmp_path / "run").steps()
    assert set(steps["output_tokens"].to_pylist()) == {1}
    assert json.loads(steps["extra"][0].as_py())["agent"] == {"said": "1"}
    assert set(Run(tmp_path / "run").episodes()["input_tokens"].to_pylist()) == {7}


def test_each_conversation_has_a_time_limit_of_its_own(tmp_path: Path) -> None:
    agent = "scripted:waits_forever"
    summary = run(coin(agent, limits={"conversation_s": 0.5, "retries": 1}), tmp_path / "run", quiet=True)
    check_only_the_bad_ones_failed(summary, tmp_path / "run", agent, "TimeLimit: over the limit of 0.5 s")


def test_conversations_and_other_agents_share_a_run(tmp_path: Path) -> None:
    asked = coin("scripted:waits", seeds=10)
    asked["agents"].append("scripted:random")
    assert run(asked, tmp_path / "run", quiet=True).finished == 20
    again = run(asked, tmp_path / "run", quiet=True)
    assert (again.found, again.finished) == (20, 0)


def mine(**changes) -> dict:
    asked = {"name": "mine", "scenarios": SMALL["scenarios"], "agents": ["python:mine.py:act"], "seeds": 4}
    return {**asked, **changes}


def test_the_report_shows_the_file_that_is_there_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    scores = []
    for body, finished in ((0, 4), (1, 4), (0, 0)):
        Path("mine.py").write_text(f"def act(observation):\n    return {body}\n")
        infraray.user_file._files.clear()
        assert run(mine(), quiet=True).finished == finished
        reported = report("runs/mine")
        assert (reported.collected, reported.owed) == (4, 0)
        scores.append(reported.scenarios[0].leaderboard.rows[0].score.value)
    assert scores[0] == scores[2] != scores[1]
    assert reported.left_out == 4
    Path("mine.py").unlink()
    assert report("runs/mine").collected == 4


def test_a_changed_import_is_another_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    asked = mine(imports=["ours.py"], agents=["scripted:ours"])
    for answer, finished in ((0, 4), (0, 0), (1, 4)):
        Path("ours.py").write_text(
            "import infraray\n\n\n@infraray.register_agent('ours', scenario='load_balance')\n"
            f"class Ours(infraray.ScriptedAgent):\n    def act(self, observation):\n        return {answer}\n"
        )
        infraray.user_file._files.clear()
        assert run(asked, quiet=True).finished == finished


def test_another_label_is_the_same_scenario(tmp_path: Path) -> None:
    for label, finished in (("light", 120), ("heavy", 0)):
        scenarios = [{**SMALL["scenarios"][0], "label": label}]
        assert run({**SMALL, "scenarios": scenarios}, tmp_path / "run", quiet=True).finished == finished
    (scenario,) = report(tmp_path / "run").scenarios
    assert (scenario.label, scenario.collected, scenario.owed) == ("heavy", 120, 0)


HERE_ONLY = """
import os, pathlib, infraray

if os.getpid() != {here}:
    {otherwise}


@infraray.register_agent("here", scenario="load_balance")
class Here(infraray.ScriptedAgent):
    {act}(self, observation):
        return 0
"""


@pytest.mark.parametrize("act", ["def act", "async def act"])
@pytest.mark.parametrize(
    ("otherwise", "reason"),
    [
        ("raise RuntimeError('not on this machine')", "import fails: RuntimeError: not on this machine"),
        ("os._exit(3)", "import fails: SystemExit: 3"),
        ("os.kill(os.getpid(), 9)", "a worker died 4 times in a row while it started: "),
    ],
)
def test_a_worker_that_cannot_start_ends_the_run(tmp_path: Path, act: str, otherwise: str, reason: str) -> None:
    (tmp_path / "here.py").write_text(HERE_ONLY.format(here=os.getpid(), otherwise=otherwise, act=act))
    asked = mine(imports=[str(tmp_path / "here.py")], agents=["scripted:here"], workers=1)
    with pytest.raises(InfrarayError, match=reason) as caught:
        run(asked, tmp_path / "run", quiet=True)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("act", ["def act", "async def act"])
def test_a_relative_path_leads_from_where_the_run_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    """The session's Ray cluster was started elsewhere."""
    monkeypatch.chdir(tmp_path)
    Path("jobs.csv").write_text("arrival_s,size\n" + "".join(f"{index},1\n" for index in range(400)))
    Path("here.py").write_text(HERE_ONLY.format(here=0, otherwise="pass", act=act))
    parameters = {**SMALL["scenarios"][0]["parameters"], "arrivals": "trace", "trace": "jobs.csv"}
    scenarios = [{"scenario": "load_balance", "parameters": parameters}]
    summary = run(mine(scenarios=scenarios, imports=["here.py"], agents=["scripted:here"]), quiet=True)
    assert (summary.finished, summary.failed) == (4, 0), summary.failures


def test_a_run_that_waits_for_the_folder_leaves_its_plan_as_it_is(tmp_path: Path) -> None:
    run(SMALL, tmp_path / "run", quiet=True)
    before = Run(tmp_path / "run").manifest
    with ThreadPoolExecutor(1) as pool:
        with closing(RunStore(tmp_path / "run")):
            waiting = pool.submit(run, {**SMALL, "seeds": 5}, tmp_path / "run", quiet=True)
            time.sleep(5)
            assert Run(tmp_path / "run").manifest == before
            assert not waiting.done()
        waiting.result()
    after = Run(tmp_path / "run").manifest
    assert after.scenarios["load_balance"].seeds == SeedRange(0, 5)
    assert after.created_at == before.created_at
