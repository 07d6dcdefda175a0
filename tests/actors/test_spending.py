"""Limits on tokens and cost stop a run, an agent or an episode in words; what is owed is played under higher ones."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from infraray import run
from infraray.errors import InfrarayError
from infraray.runs.planning import make_plan
from infraray.runs.run_file import RunSpec
from infraray.summary import Summary
from infraray.trajectories.reader import Run
from tests.openai_server import Server

pytestmark = pytest.mark.usefixtures("ray_session")

SEEDS = 12


class Model:
    """A served model that says "0", and whose prompts and answers are counted."""

    def __init__(self, folder: Path, *always: str) -> None:
        self.folder = folder
        self.server = Server()
        self.server.always = {*always}
        (folder / "prices.yaml").write_text("m: {input_per_million: 1.0, output_per_million: 1.0}\n")

    def plan(self, agents: list[str], **limits: Any) -> dict[str, Any]:
        scenario = {"scenario": "load_balance", "max_episode_steps": 3, "parameters": {"warmup_steps": 0}}
        specs = [f"chat:m@{self.server.url}?prices={self.folder / 'prices.yaml'}{query}" for query in agents]
        fields = {"name": "spend", "scenarios": [scenario], "agents": specs, "seeds": SEEDS, "concurrency": 2}
        return {**fields, "limits": limits}

    def play(self, agents: list[str], **limits: Any) -> Summary:
        return run(self.plan(agents, **limits), self.folder / "run", quiet=True)

    def spent(self) -> Counter[str]:
        spent: Counter[str] = Counter()
        for row in Run(self.folder / "run").episodes().to_pylist():
            spent[row["agent"].partition("&")[2]] += row["input_tokens"] + row["output_tokens"]
        return spent


@pytest.mark.parametrize("kind", ["tokens", "cost"])
def test_a_runs_limit_stops_it_and_a_higher_one_plays_the_rest(tmp_path: Path, kind: str) -> None:
    model = Model(tmp_path)
    with model.server:
        one = model.play([""], tokens=1)
        assert (one.finished, one.failed) == (0, 0) and one.owed == SEEDS
        assert one.stopped == ["limits.tokens=1 is reached; raise it and run again to play what is owed"]
        requests = len(model.server.requests)
        assert requests <= 2  # what was under way
        most: Any = {"tokens": 30_000, "cost": 0.03}[kind]
        some = model.play([""], **{kind: most})
        assert 0 < some.finished < SEEDS and some.failed == 0 and f"limits.{kind}={most}" in some.stopped[0]
        assert sum(model.spent().values()) < 30_000 + 2 * 10_000
        none = model.play([""], **{kind: most})  # what was collected counts
        assert none.finished <= 1 and none.owed > 0
        rest = model.play([""])
        assert rest.owed == 0 and rest.found + rest.finished == SEEDS and rest.stopped == []


def test_an_agents_limit_stops_that_agent(tmp_path: Path) -> None:
    model = Model(tmp_path)
    with model.server:
        summary = model.play(["", "&strategy=cot"], agent_tokens=30_000)
        assert len(summary.stopped) == 2 and all("limits.agent_tokens=30000" in line for line in summary.stopped)
        assert all(0 < spent < 50_000 for spent in model.spent().values()) and len(model.spent()) == 2
        assert model.play(["", "&strategy=cot"]).owed == 0


def test_an_episodes_limit_stops_that_episode(tmp_path: Path) -> None:
    model = Model(tmp_path)
    with model.server:
        summary = model.play([""], episode_tokens=10)
        assert summary.finished == summary.failed == 0 and summary.owed == len(summary.stopped) == SEEDS
        assert "limits.episode_tokens=10 is reached by load_balance, chat:m@" in summary.stopped[0]
        assert len(model.server.requests) == SEEDS
        assert model.play([""], episode_tokens=10**9).owed == 0


def test_a_limit_that_cannot_be_kept_is_said(tmp_path: Path) -> None:
    model = Model(tmp_path, "no_usage")
    with model.server:
        summary = model.play([""], tokens=10**9)
        assert summary.owed == SEEDS and "cannot be kept: the server of chat:m@" in summary.stopped[0]
        plan = RunSpec.parse({**model.plan([""], cost=1.0), "agents": [f"chat:m@{model.server.url}"]})
        with pytest.raises(InfrarayError, match=r"agents\.0: agent chat:m@.*: limits\.cost needs its prices"):
            make_plan(plan)
