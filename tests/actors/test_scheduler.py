"""A run plays every episode once, the same on any number of workers, whatever its agents do."""

import json
from pathlib import Path

import pytest

import infraray
from infraray.actors.scheduler import Summary
from infraray.episodes import EpisodePlayer
from infraray.launch import run
from infraray.runs import make_plan, parse_run
from infraray.trajectories.reader import Run
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
    player = EpisodePlayer(60, 0)
    plan = make_plan(parse_run(SMALL))
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


def seventh_seeds(agent: str) -> set[int]:
    """Seeds whose episode meets the agent's bad mood."""
    return {spec.seed for spec in make_plan(parse_run(coin(agent))).episodes() if spec.agent_seed % 7 == 0}


def check_only_the_bad_ones_failed(summary: Summary, run_dir: Path, agent: str, reason: str) -> None:
    rows = Run(run_dir).episodes().to_pylist()
    assert sorted(row["seed"] for row in rows) == list(range(40))
    failed = [row for row in rows if row["status"] == "failed"]
    assert {row["seed"] for row in failed} == seventh_seeds(agent) != set()
    assert all(reason in row["failure"] and "\n" not in row["failure"] for row in failed)
    assert all(row["score"] is None and row["attempts"] == 2 for row in failed)
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
        infraray.agents.spec._files.clear()
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
