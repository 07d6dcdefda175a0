"""Chat agents on vLLM, with a model that says random things: a hard customer for every parser."""

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infraray import run
from infraray.engines import EngineSpec
from infraray.engines.preloaded import PreloadedLauncher
from infraray.engines.supervisor import descendants
from infraray.trajectories.reader import Run
from tests.actors.watching import processes, wait_for
from tests.engines.conftest import ENV, FLAGS
from tests.engines.started import started

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("ray_session"), pytest.mark.timeout(420)]

STRATEGIES = (
    "zero_shot",
    "few_shot&examples=2",
    "chain_of_thought&memory=last:1",
    "react&tools=calculator,notes&max_tool_calls=1",
    "structured&memory=summary",
)
SCENARIOS = ("load_balance", "caching", "abr")


def short(scenario: str, steps: int) -> dict[str, Any]:
    """A few steps, all of which count."""
    warmup = "warmup_requests" if scenario == "caching" else "warmup_steps"
    return {"scenario": scenario, "max_episode_steps": steps, "parameters": {warmup: 0}}


@pytest.fixture(scope="module")
def vllm(model: str, ray_session: None, preloaded: PreloadedLauncher) -> Iterator[str]:
    """One server's base URL."""
    with started(EngineSpec(model=model, flags=FLAGS, env=ENV, ready_timeout_s=200), preloaded) as process:
        yield process.url


def asked(scenarios: list[dict[str, Any]], agents: list[str], seeds: int, **fields: Any) -> dict[str, Any]:
    return {"name": "chat", "scenarios": scenarios, "agents": agents, "seeds": seeds, **fields}


def recorded(run_dir: Path) -> list[dict[str, Any]]:
    """The steps with what their agents recorded."""
    steps = Run(run_dir).steps().to_pylist()
    return [{**step, **json.loads(step["extra"])["agent"]} for step in steps]


def test_every_step_is_recorded_with_what_the_server_said_and_how_long_it_took(
    vllm: str, model: str, tmp_path: Path
) -> None:
    scenarios = [short(name, 2) for name in SCENARIOS]
    run(asked(scenarios, [f"chat:{model}@{vllm}?max_tokens=16"], 3), tmp_path, quiet=True)
    steps = recorded(tmp_path)
    assert len(steps) == 3 * 3 * 2
    for step in steps:
        assert 0 < step["output_tokens"] <= 16 < step["input_tokens"]
        assert 0 < step["time_to_first_token_s"] <= step["latency_s"] <= step["latency_s"] + step["waited_s"]
        assert step["finish_reason"] in ("length", "stop")
        assert [message["role"] for message in step["messages"]][:2] == ["system", "user"]
        assert step["valid"] or step["invalid_reason"]
    assert not all(step["valid"] for step in steps)


def test_a_schema_makes_even_a_random_model_answer_validly(vllm: str, model: str, tmp_path: Path) -> None:
    # The schema leaves it no way to be wrong but to write blanks until its tokens are used up.
    scenarios = [short(name, 3) for name in ("load_balance", "caching")]
    agent = f"chat:{model}@{vllm}?strategy=structured&max_tokens=200"
    run(asked(scenarios, [agent], 3), tmp_path, quiet=True)
    ended = [step for step in recorded(tmp_path) if step["finish_reason"] == "stop"]
    assert ended and all(step["valid"] for step in ended)


@pytest.mark.parametrize("option", ["", "&context_tokens=100000"])
def test_a_long_conversation_never_overflows_the_context(vllm: str, model: str, tmp_path: Path, option: str) -> None:
    """The server says its context; one that an agent was told wrongly is learnt from the refusal."""
    scenario = short("load_balance", 25)
    summary = run(asked([scenario], [f"chat:{model}@{vllm}?max_tokens=32{option}"], 2), tmp_path, quiet=True)
    assert (summary.finished, summary.failed) == (2, 0)
    lengths = [step["input_tokens"] for step in recorded(tmp_path)]
    assert max(lengths) <= FLAGS["max_model_len"] - 32
    assert max(lengths) > FLAGS["max_model_len"] * 0.6


def test_a_run_of_kept_answers_asks_nobody_and_is_the_same(vllm: str, model: str, tmp_path: Path) -> None:
    scenario = short("abr", 3)
    wanted = asked([scenario], [f"chat:{model}@{vllm}?max_tokens=16&cache={tmp_path / 'cache'}"], 4)
    run(wanted, tmp_path / "first", quiet=True)
    run(wanted, tmp_path / "second", quiet=True)
    first, second = recorded(tmp_path / "first"), recorded(tmp_path / "second")
    assert {step["cached"] for step in first} == {False} and {step["cached"] for step in second} == {True}

    def said(steps: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
        return sorted((step["episode_id"], step["index"], step["said"], step["input_tokens"]) for step in steps)

    assert said(first) == said(second)


def test_all_strategies_play_all_scenarios_while_an_engine_and_an_actor_are_killed(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    engines = {"tiny": {"model": model, "flags": FLAGS, "env": ENV, "num_cpus": 0, "replicas": 2}}
    agents = [f"engine:tiny?strategy={strategy}&max_tokens=48" for strategy in STRATEGIES]
    scenarios = [short(name, 4) for name in SCENARIOS]
    wanted = asked(scenarios, agents, 12, engines=engines)
    others = set(processes("ray::Engine"))
    killed: list[str] = []

    def ours() -> list[int]:
        """The run's engine actors and its pool, the actors first."""
        found = [pid for pid in processes("ray::Engine") if pid not in others]
        return sorted(found, key=lambda pid: not descendants(pid))

    def kill_one_server_and_one_actor() -> None:
        run_dir = tmp_path / "run"
        wait_for(lambda: run_dir.exists() and any(run_dir.rglob("*.arrows")), 200)
        time.sleep(1)
        # The engine's actors stand above their server's processes.
        actors = ours()
        server = descendants(actors[0])[-1]
        os.kill(server, signal.SIGKILL)
        killed.append("server")
        time.sleep(2)
        os.kill(actors[1], signal.SIGKILL)
        killed.append("actor")

    killer = threading.Thread(target=kill_one_server_and_one_actor)
    killer.start()
    summary = run(wanted, tmp_path / "run")
    killer.join()
    assert killed == ["server", "actor"]
    assert (summary.finished, summary.failed) == (3 * 5 * 12, 0), summary.failures
    episodes = Run(tmp_path / "run").episodes()
    assert len(episodes["episode_id"].unique()) == episodes.num_rows == 180
    # Ray takes a moment to end the actors' own processes.
    wait_for(lambda: ours() == [], 30)
    again = run(wanted, tmp_path / "run", quiet=True)
    assert (again.found, again.finished) == (180, 0)
