"""A kind of agents is one registration: a user's file can add one, and it is planned and played as ours are."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from infraray.agents import Agent, AgentKind, agent_kinds, find_agent_kind, load_agent, parse_agent, register_agent_kind
from infraray.errors import InfrarayError, UnknownName
from infraray.runs.planning import make_plan
from infraray.runs.run_file import RunSpec

ALWAYS = """
from infraray.agents import Agent, AgentKind, register_agent_kind


class Always(Agent):
    def __init__(self, server, after):
        self.server, self.left = server, after

    def act(self, observation):
        return self.server


class Fixed(AgentKind):
    def make(self, target, options, scenario, engines):
        return Always(int(target), **{"after": 0, **options})

    def targets(self, scenario):
        return ["0", "1"]


register_agent_kind("fixed", Fixed)
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "fixed.py"
    path.write_text(ALWAYS)
    return str(path)


def agents(file: str, *specs: str) -> list[str]:
    asked = {"name": "x", "scenarios": ["load_balance"], "agents": list(specs), "seeds": 1, "imports": [file]}
    return [entry.agent for lineup in make_plan(RunSpec.parse(asked)).lineups for entry in lineup.entries]


def test_a_users_kind_is_planned_beside_ours(file: str) -> None:
    assert agents(file, "scripted:random", "fixed:1?after=3") == ["scripted:random", "fixed:1?after=3"]
    assert agents(file, "fixed:*") == ["fixed:0", "fixed:1"]


def test_a_users_kind_plays(file: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "infraray", "play", "load_balance", "--agent", "fixed:0", "--import", file]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=tmp_path, env=os.environ)
    assert done.returncode == 0, done.stderr
    assert "mean_completion_time" in done.stdout


@pytest.mark.parametrize(
    ("spec", "line"),
    [
        ("fixd:0", "agents.0: agent='fixd:0': no kind of agent is called 'fixd'; did you mean fixed?"),
        ("fixed:zero", "agents.0: agent fixed:zero: ValueError: invalid literal for int() with base 10: 'zero'"),
        ("fixed:0?before=1", "agents.0: agent fixed:0: TypeError: Always.__init__() got"),
        ("graph:*", "agents.0: agent graph:*: must name a module and an object, as in 'graph:mine.py:name'"),
    ],
)
def test_what_is_wrong_with_a_spec_is_one_line(file: str, spec: str, line: str) -> None:
    with pytest.raises(InfrarayError) as told:
        agents(file, spec)
    assert str(told.value).startswith(line) and "\n" not in str(told.value)


class Silent(AgentKind):
    """Makes no agent."""

    def make(self, target: str, options: Any, scenario: str, engines: Any) -> Agent:
        raise InfrarayError(f"agent {self.name}:{target}: says nothing")


def test_a_kind_may_be_registered_again_and_by_others_not() -> None:
    register_agent_kind("silent", Silent)
    register_agent_kind("silent", Silent)
    assert agent_kinds()[-1] == "silent"
    with pytest.raises(InfrarayError, match="agent silent:x: says nothing"):
        load_agent("silent:x", "load_balance")
    for name in ("chat", "scripted"):
        with pytest.raises(InfrarayError, match=f"kind of agents {name} is registered already, by infraray"):
            register_agent_kind(name, Silent)


@pytest.mark.parametrize("name", ["", "a:b", "A", "a b", "?", "1"])
def test_a_name_that_no_spec_could_hold_is_refused(name: str) -> None:
    with pytest.raises(InfrarayError, match="must have small letters, digits"):
        register_agent_kind(name, Silent)


def test_the_kind_of_a_spec_decides_its_module_and_files(tmp_path: Path) -> None:
    assert parse_agent("python:package.module:Name").module == "package.module"
    assert parse_agent("scripted:random").module is None
    assert parse_agent("chat:model@http://h/v1:8.py:x").files() == {}
    (tmp_path / "mine.py").write_text("")
    assert list(parse_agent(f"graph:{tmp_path}/mine.py:graph").files()) == [f"{tmp_path}/mine.py"]


def test_a_kind_that_nobody_registered_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="unknown kind of agents 'fixed'"):
        find_agent_kind("fixed")
