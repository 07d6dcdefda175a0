"""Runs whose agents talk to servers, and servers that fail in the middle of one."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from infraray import run
from infraray.actors.imports import Imports
from infraray.actors.run_engines import RunEngines
from infraray.errors import InfrarayError
from infraray.runs.planning import make_plan
from infraray.runs.run_file import RunSpec
from infraray.trajectories.reader import Run
from tests.actors.watching import processes, wait_for

pytestmark = pytest.mark.usefixtures("ray_session")

ROOT = str(Path(__file__).parents[2])
SERVER = (sys.executable, "-m", "tests.openai_server")
WARMUP = {"load_balance": "warmup_steps", "caching": "warmup_requests", "abr": "warmup_steps"}


def short(scenario: str) -> dict[str, Any]:
    """Six steps, all of which count."""
    return {"scenario": scenario, "max_episode_steps": 6, "parameters": {WARMUP[scenario]: 0}}


LOAD_BALANCE = short("load_balance")


@contextmanager
def server(port: int = 0, delay_s: float = 0.0) -> Iterator[str]:
    """A server in a process of its own, and its base URL."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        port = probe.getsockname()[1]
    process = subprocess.Popen([*SERVER, str(port), str(delay_s)], cwd=ROOT)
    try:
        wait_for(lambda: answers(port))
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.kill()
        process.wait()


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def engine(delay_s: float = 0.0, **fields: Any) -> dict[str, Any]:
    command = [*SERVER, "{port}", str(delay_s)]
    env = {"PYTHONPATH": ROOT}
    return {"engine": "tgi", "model": "m", "command": command, "env": env, "num_gpus": 0, **fields}


def asked(agents: list[str], seeds: int = 3, **fields: Any) -> dict[str, Any]:
    return {"name": "chat", "scenarios": [LOAD_BALANCE], "agents": agents, "seeds": seeds, **fields}


def engine_servers() -> list[int]:
    return processes("\0".join(SERVER))


@pytest.mark.parametrize("scenario", ["load_balance", "caching", "abr"])
def test_a_model_plays_beside_the_classical_policies(tmp_path: Path, scenario: str) -> None:
    with server() as url:
        agents = [f"chat:m@{url}", "scripted:random"]
        summary = run({**asked(agents), "scenarios": [short(scenario)]}, tmp_path / "run", quiet=True)
    assert (summary.finished, summary.failed) == (6, 0)
    episodes = Run(tmp_path / "run").episodes().to_pylist()
    played = [episode for episode in episodes if episode["agent"].startswith("chat:")]
    assert all(episode["output_tokens"] > 0 for episode in played)
    steps = Run(tmp_path / "run").steps().to_pylist()
    recorded = [json.loads(step["extra"])["agent"] for step in steps if step["output_tokens"] is not None]
    assert {(one["completion"]["content"], one["finish_reason"], one["retries"]) for one in recorded} == {
        ("0", "stop", 0)
    }


def test_a_run_waits_for_an_endpoint_that_died_and_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infraray.actors.scheduler.NOTICES_S", 0.2)
    with server(delay_s=0.05) as url:
        port = int(url.rpartition(":")[2].split("/")[0])
        again = threading.Event()

        def die_and_come_back() -> None:
            # More episodes than may be under way at once: when the first are over, others have just begun.
            wait_for(lambda: any((tmp_path / "run").rglob("*.arrows")))
            [os.kill(pid, signal.SIGKILL) for pid in processes("\0".join((*SERVER, str(port))))]
            wait_for(lambda: "does not answer" in sys.stderr.getvalue())  # type: ignore[attr-defined]  # capsys's
            with server(port, 0.05):
                again.wait(600)

        trouble = threading.Thread(target=die_and_come_back)
        trouble.start()
        try:
            summary = run(asked([f"chat:m@{url}"], seeds=200, concurrency=40), tmp_path / "run")
        finally:
            again.set()
            trouble.join()
    assert (summary.finished, summary.failed) == (200, 0)
    told = capsys.readouterr().err
    assert f"endpoint {url} does not answer; waiting" in told
    assert f"endpoint {url} answers again" in told
    assert len(Run(tmp_path / "run").episodes()["episode_id"].unique()) == 200


@pytest.mark.parametrize("model", ["m", "other"])
def test_what_can_never_succeed_stops_the_run_and_nothing_counts_as_played(tmp_path: Path, model: str) -> None:
    with server() as url:
        if model == "m":
            url, reason = "http://127.0.0.1:9/v1", "did not answer for 1 s"
        else:
            reason = "The model `other` does not exist"
        with pytest.raises(InfrarayError, match=reason):
            run(asked([f"chat:{model}@{url}?patience_s=1"]), tmp_path / "run", quiet=True)
    assert Run(tmp_path / "run").episodes().num_rows == 0


def test_engines_are_started_for_what_is_owed_and_ended_with_the_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = asked(["engine:small", "scripted:random"], engines={"small": engine(replicas=2)})
    assert run(wanted, tmp_path / "run").finished == 6
    assert "engine small: ready at http://127.0.0.1:" in capsys.readouterr().err
    assert engine_servers() == []
    again = run(wanted, tmp_path / "run")
    assert (again.found, again.finished) == (6, 0)
    assert "engine small" not in capsys.readouterr().err


def test_other_flags_are_another_agent_and_more_replicas_are_not() -> None:
    def ids(**fields: Any) -> list[bytes]:
        wanted = asked(["engine:small"], engines={"small": engine(**fields)})
        return [episode.id for episode in make_plan(RunSpec.parse(wanted)).episodes()]

    assert ids() == ids(replicas=2, num_cpus=2)
    assert ids() != ids(flags={"dtype": "float16"})


def test_a_run_survives_its_engines_death(tmp_path: Path) -> None:
    wanted = asked(["engine:small"], seeds=100, engines={"small": engine(0.05)})
    killed: list[int] = []

    def kill() -> None:
        wait_for(lambda: (tmp_path / "run").exists() and engine_servers())
        time.sleep(1.5)
        for pid in engine_servers():
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)

    killer = threading.Thread(target=kill)
    killer.start()
    summary = run(wanted, tmp_path / "run", quiet=True)
    killer.join()
    assert killed
    assert (summary.finished, summary.failed) == (100, 0)
    assert engine_servers() == []


def test_an_engine_that_does_not_start_stops_the_run_with_its_reason(tmp_path: Path) -> None:
    broken = {**engine(), "command": [sys.executable, "-c", "raise ValueError('no such flag')"], "max_restarts": 0}
    with pytest.raises(InfrarayError, match=r"engine small \(tgi m\): did not start: ValueError: no such flag"):
        run(asked(["engine:small"], engines={"small": broken}), tmp_path / "run", quiet=True)
    assert Run(tmp_path / "run").episodes().num_rows == 0


def test_engines_that_do_not_fit_are_refused_at_once() -> None:
    plan = make_plan(RunSpec.parse(asked(["engine:big"], engines={"big": engine(num_cpus=1000)})))
    engines = RunEngines(plan.engines, Imports(), print)
    try:
        with pytest.raises(InfrarayError, match="engines big: need 1000 CPUs together and the cluster has 2"):
            engines.start(["big"])
    finally:
        engines.stop()


@pytest.mark.parametrize(
    ("agents", "engines", "message"),
    [
        (["engine:smal"], {"small": engine()}, "agents.0: agent engine:smal: no such engine; did you mean small?"),
        (["engine:any"], {}, "no such engine; add one under 'engines'"),
        (["engine:small?strategi=react"], {"small": engine()}, "did you mean strategy?"),
        (["engine:small"], {"small": {"engine": "vllm"}}, "model: engine 'vllm' needs one"),
        (
            ["engine:small"],
            {"small": {**engine(), "flag": {}}},
            "engines.small.flag: no such field; did you mean flags?",
        ),
        (["engine:v11m:/model"], {}, "unknown engine 'v11m'"),
        (["engine:mine"], {"mine": {"engine": "url", "url": "http://h/v1"}}, "give the name by which its server knows"),
        (["chat:m"], {}, "must be chat:MODEL@BASE_URL"),
    ],
)
def test_mistakes_about_engines_are_one_line(agents: list[str], engines: dict[str, Any], message: str) -> None:
    with pytest.raises(InfrarayError) as caught:
        make_plan(RunSpec.parse(asked(agents, engines=engines)))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_killed_run_leaves_no_server_and_its_conversations_are_owed(tmp_path: Path) -> None:
    wanted = asked(["engine:small"], seeds=60, engines={"small": engine(0.1)})
    (tmp_path / "chat.json").write_text(json.dumps(wanted))
    program = "import json, infraray, sys; infraray.run(json.load(open('chat.json')), 'run', quiet=True)"
    first = subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path)
    wait_for(engine_servers)
    time.sleep(4)
    first.kill()
    first.wait()
    wait_for(lambda: not engine_servers())
    again = run(wanted, tmp_path / "run", quiet=True)
    assert (again.found + again.finished, again.failed) == (60, 0)
    assert len(Run(tmp_path / "run").episodes()["episode_id"].unique()) == 60
