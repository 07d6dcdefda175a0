"""An agent with a shell writes a server, measures it, and is scored by what its launcher starts afterwards."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

import infraray
from infraray import isolation
from infraray.agents import load_agent
from infraray.environment import Environment
from infraray.errors import InfrarayError
from infraray.isolation.packages import interpreter
from infraray.scenarios.inference.parameters import InferenceParameters
from tests.scenarios.inference.answering import PROGRAM
from tests.workspaces.local_index import LocalIndex
from tests.workspaces.played import Played, commands, play

pytestmark = pytest.mark.skipif(isolation.problem() is not None, reason=str(isolation.problem()))

WRITE = f"cat > server.py <<'END'\n{PROGRAM}\nEND\n"
START = "echo 'exec /usr/bin/python3 server.py' > start_server.sh; bash start_server.sh > server.log 2>&1 &\n"
WAIT = "for i in $(seq 100); do grep -q serves server.log && break; sleep 0.1; done\n"
SERVE = f"{WRITE}{START}{WAIT}"


@pytest.fixture
def parameters(open_parameters: InferenceParameters) -> InferenceParameters:
    return open_parameters


def played(parameters: InferenceParameters, *texts: str, query: str = "time_s=250", **given: Any) -> Played:
    run = play(commands(*texts), query, "inference", 0, **{**parameters.model_dump(mode="json"), **given})
    assert run.trajectory.measures is not None, run.trajectory.failure
    return run


def submission(run: Played) -> dict[str, Any]:
    found: dict[str, Any] = run.trajectory.steps[-1].info["extra"]["submission"]
    return found


def test_a_server_is_measured_while_the_agent_works_and_launched_again_when_it_is_gone(
    parameters: InferenceParameters,
) -> None:
    run = played(parameters, f"{SERVE}evaluate --quick", "evaluate; ps aux | grep -c '[s]erver.py'")
    assert "quick evaluation 1 of the server: speedup" in run.outputs[0]
    assert "evaluation 2 of the server: speedup" in run.outputs[1]
    measured, _, final = run.trajectory.steps
    launch = measured.info["extra"]["launch"]
    assert launch["launcher"] == "exec /usr/bin/python3 server.py\n"
    assert any("server.py" in words for words in launch["processes"])
    assert json.loads(final.action)["workspace"]["do"] == "submit"
    result = submission(run)
    assert result["trial"]["server"] == "start_server.sh" and result["speedup"] > 0
    assert result["trial"]["start_s"] > 0 and result["integrity"] is not None
    assert run.trajectory.measures is not None
    metrics = run.trajectory.measures.metrics
    assert metrics["best_speedup_seen"] > 0 and metrics["measurements"] == 2
    assert run.trajectory.measures.score == 1.0, "without questions nothing passes"


def test_what_only_ran_in_the_agents_sandbox_does_not_count(parameters: InferenceParameters) -> None:
    hidden = SERVE.replace("server.py", "/tmp/server.py")
    run = played(parameters, f"{hidden}evaluate", query="time_s=250")
    assert "evaluation 1 of the server: speedup" in run.outputs[0]
    assert run.trajectory.failure is not None and "does not answer" in submission(run)["reason"]
    assert run.trajectory.measures is not None and run.trajectory.measures.score == 1.0


def test_installed_packages_are_there_when_the_server_is_launched_again(parameters: InferenceParameters) -> None:
    serve = SERVE.replace("import json", "import lever, json").replace("/usr/bin/python3", str(interpreter()))
    with LocalIndex() as index:
        query = f"time_s=250&packages={index.url}"
        run = played(parameters, f"pip install lever > installed 2>&1; {serve}evaluate --quick", query=query)
    assert "quick evaluation 1 of the server: speedup" in run.outputs[0]
    assert submission(run)["speedup"] > 0


def test_nothing_left_is_worth_the_reference(parameters: InferenceParameters) -> None:
    run = played(parameters, "evaluate; evaluate --fast; ln -s /etc/passwd start_server.sh", query="time_s=250")
    assert "failed after" in run.outputs[0] and "there is only --quick" in run.outputs[0]
    assert submission(run)["reason"] == "there is no start_server.sh in the workspace"


def test_the_references_answers_and_the_seeds_are_not_there(parameters: InferenceParameters) -> None:
    look = (
        f"ls {parameters.folder} {parameters.model} 2>&1; ls /work /root 2>&1; find / -name 'reference-*' 2>/dev/null"
    )
    run = played(parameters, look, query="time_s=250")
    assert f"cannot access '{parameters.folder}'" in run.outputs[0] and "config.json" in run.outputs[0]
    assert "reference-" not in run.outputs[0]
    told = json.dumps(run.requests)
    assert "1337" not in told, "the evaluation's seed"


def test_a_warm_start_gives_a_launcher_and_a_forced_engine_is_checked(parameters: InferenceParameters) -> None:
    query = "time_s=250&warm_start=sglang&engine=sglang"
    run = played(parameters, f"cat start_server.sh; {SERVE}", query=query)
    assert "--port 8000" in run.outputs[0]
    assert "The server must be sglang" in run.requests[0]["messages"][1]["content"]
    assert "is not the engine that was asked for" in submission(run)["reason"]


def test_an_engine_that_the_scenario_lacks_is_refused(parameters: InferenceParameters) -> None:
    environment: Environment = infraray.make("inference", **parameters.model_dump(mode="json"))
    agent = load_agent("shell:m@http://127.0.0.1:1/v1?engine=vlm", "inference")
    with pytest.raises(InfrarayError, match="engine='vlm': is not one of the scenario's engines"):
        agent.reset(infraray.agents.Briefing.of(environment, 1))


@pytest.mark.skipif(os.geteuid() != 0, reason="for others the sandbox's user is themselves")
def test_an_interpreter_that_the_sandboxes_user_may_not_run_is_refused(
    parameters: InferenceParameters, tmp_path: Path
) -> None:
    """An environment whose Python lies in root's home would be shown, but could not be started."""
    (tmp_path / "bin").mkdir()
    tmp_path.chmod(0o700)
    python = tmp_path / "bin" / "python"
    python.write_text("#!/bin/sh\n")
    python.chmod(0o755)
    given = {**parameters.model_dump(mode="json"), "python": {"all": str(python)}}
    agent = load_agent("shell:m@http://127.0.0.1:1/v1", "inference")
    with pytest.raises(InfrarayError, match=r"python=.* leads to .*, which the sandbox's user, nobody, may not run"):
        agent.reset(infraray.agents.Briefing.of(infraray.make("inference", **given), 1))


@pytest.mark.skipif(os.geteuid() != 0, reason="for others the sandbox's user is themselves")
def test_weights_that_the_sandboxes_user_may_not_read_are_told(parameters: InferenceParameters) -> None:
    """As safetensors writes them: with them, every server of an agent would fail, and for no fault of its own."""
    weights = Path(parameters.model) / "model.safetensors"
    weights.touch(0o600)
    agent = load_agent("shell:m@http://127.0.0.1:1/v1", "inference")
    environment = infraray.make("inference", **parameters.model_dump(mode="json"))
    with pytest.raises(InfrarayError, match=r"model\.safetensors cannot be read by .*; chmod -R o\+rX") as told:
        agent.reset(infraray.agents.Briefing.of(environment, 1))
    assert "\n" not in str(told.value)


def test_others_cannot_call_what_a_workspace_calls(parameters: InferenceParameters) -> None:
    environment: Environment = infraray.make("inference", **parameters.model_dump(mode="json"))
    with pytest.raises(InfrarayError, match="no request"):
        environment.parse_action('{"workspace": {"name": "guess", "do": "submit"}}')
