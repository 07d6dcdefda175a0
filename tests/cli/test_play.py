"""``infraray play``: one episode before one's eyes."""

import subprocess
import sys
from pathlib import Path

import pytest

from infraray import make
from infraray.agents import Briefing, load_agent
from infraray.episodes import EpisodePlayer
from infraray.registration import find
from infraray.runs.planning import make_plan
from infraray.runs.run_file import RunSpec

SIMULATED = ("load_balance", "caching", "abr")


@pytest.mark.parametrize("scenario", SIMULATED)
def test_the_episode_of_a_run_is_shown_step_by_step(command, scenario: str) -> None:
    said = command("play", scenario, "--agent", "scripted:random", "--seed", 7)
    assert (said.status, said.error) == (0, "")
    plan = make_plan(RunSpec.parse({"name": "x", "scenarios": [scenario], "agents": ["scripted:random"], "seeds": [7]}))
    played = EpisodePlayer(60).play(next(plan.episodes()))
    assert said.out.count("\nstep ") == len(played.steps)
    assert [line[2:] for line in said.out.splitlines() if line.startswith("> ")] == [s.action for s in played.steps]
    assert f"{make(scenario).score.name} " in said.out.splitlines()[-1]
    assert all(line in said.out for line in played.steps[-1].observation["text_observation"].splitlines())


def test_a_preset_and_a_file_of_ones_own_can_be_played(command) -> None:
    said = command("play", "load_balance", "--preset", "park", "-a", "python:examples/own_agent.py:Patient")
    assert said.status == 0, said.error
    assert make("load_balance", preset="park").task_description.splitlines()[0] in said.out
    said = command("play", "autoscale", "-a", "scripted:random", "--import", "examples/own_scenario.py")
    assert said.status == 0, said.error


def test_an_agent_that_waits_is_waited_for_and_its_mistakes_are_shown(command, tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(
        "import asyncio\nasync def slow(observation):\n    await asyncio.sleep(0)\n    return 'no server at all'\n"
    )
    said = command("play", "load_balance", "-a", f"python:{tmp_path}/slow.py:slow")
    assert said.status == 0, said.error
    assert "> no server at all\ninvalid: " in said.out


def test_an_episode_that_fails_is_told_in_a_line_and_by_the_status(command, tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("def broken(observation):\n    return 1 / 0\n")
    said = command("play", "load_balance", "-a", f"python:{tmp_path}/broken.py:broken")
    assert said.status == 1
    assert "failed: ZeroDivisionError: division by zero" in said.out.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("cachin", "-a", "scripted:lru"), "unknown scenario 'cachin'; did you mean caching?"),
        (("caching", "-a", "scripted:lrru"), "unknown agent scripted:lrru for caching"),
        (("caching", "-a", "scripted:*"), "'infraray play' takes one, 'infraray run' all"),
        (("caching", "-a", "lru"), "must start with one of scripted:"),
        (("caching", "-a", "scripted:lru", "--seed", "-1"), "seeds=[-1]: must hold at least one seed"),
        (("caching", "-a", "scripted:lru", "--preset", "none"), "preset='none'"),
        (("load_balance", "-a", "engine:vllm:some/model"), "'infraray play' starts no engines"),
    ],
)
def test_what_cannot_be_played_is_told_in_a_line(command, arguments: tuple[str, ...], expected: str) -> None:
    said = command("play", *arguments)
    assert (said.status, said.out, said.error.count("\n")) == (2, "", 1)
    assert expected in said.error


def test_no_ray_is_imported() -> None:
    program = "import sys; from infraray.cli import app; app(standalone_mode=False); assert 'ray' not in sys.modules"
    arguments = ["play", "caching", "--agent", "scripted:lru"]
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_the_agents_random_numbers_are_those_of_the_run(command) -> None:
    """What is shown is the run's episode and no other: `Briefing` has the seed that follows from its identity."""
    shown = [command("play", "load_balance", "-a", "scripted:random", "--seed", 3).out for _ in range(2)]
    steps = [[line for line in text.splitlines() if line.startswith("> ")] for text in shown]
    assert steps[0] == steps[1]
    environment = make("load_balance")
    observation, _ = environment.reset(seed=3)
    agent = load_agent("scripted:random", find("load_balance").id)
    agent.reset(Briefing.of(environment, 12345))
    others = [environment.say_action(agent.act(observation)) for _ in range(50)]
    assert [f"> {action}" for action in others] != steps[0][:50]
