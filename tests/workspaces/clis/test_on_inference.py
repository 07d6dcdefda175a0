"""A real coding agent writes a server, which is measured, launched again when the agent is gone, and examined."""

import json
from pathlib import Path

import pytest

from infraray.scenarios.inference.paper_table import paper_table
from infraray.scenarios.inference.parameters import InferenceParameters
from infraray.trajectories.episode_reader import read_episodes
from infraray.trajectories.stored_episode import StoredEpisode
from infraray.workspaces.behaviour import behaviours
from tests.exporters.runs import play_scenarios
from tests.scenarios.inference.test_workspace import START, WAIT, WRITE
from tests.workspaces.scripted_model import ScriptedModel, say, shell


@pytest.mark.parametrize("age", ["newest"], indirect=True)
@pytest.mark.parametrize("name", ["claude-code", "codex"])
def test_agents_server_is_measured_and_launched_again(
    name: str, age: str, open_parameters: InferenceParameters, tmp_path: Path
) -> None:
    background = START.replace("bash start_server.sh", "setsid bash start_server.sh < /dev/null")
    script = [
        shell(WRITE, "I write a server of my own."),
        shell(f"{background}{WAIT}evaluate --quick"),
        say("It works. Shall I go on?"),
        shell("evaluate"),
        say("It is as fast as I can make it."),
    ]
    section = {"scenario": "inference", "parameters": open_parameters.model_dump(mode="json")}
    with ScriptedModel(script) as model:
        agent = f"cli:{name}?model=scripted-model&base_url={model.url}/v1&time_s=600"
        run = play_scenarios(tmp_path / "run", [section], [agent], 1, limit_s=900)
    ((row, steps),) = read_episodes(run)
    episode = StoredEpisode(row, steps.read())
    assert row["failure"] == "quality_failed", "without questions nothing passes"
    quick, whole, final = episode.extras
    assert quick["speedup"] > 0 and whole["speedup"] > 0
    assert any("server.py" in line for line in whole["launch"]["processes"])
    submission = final["submission"]
    assert submission["speedup"] > 0 and submission["trial"]["start_s"] > 0 and submission["integrity"] is not None
    events = [event for record in episode.agent_records for event in record["events"]]
    assert [event["name"] for event in events if event["kind"] == "tool"] == ["evaluate", "evaluate"]
    assert episode.agent_records[-1]["workspace"]["starts"] >= 2
    assert "evaluation 2 of the server" in json.dumps(model.turns[-1].texts)
    (behaviour,) = behaviours(run.path)
    assert (behaviour.attempts, behaviour.best_seen) == (3, max(whole["speedup"], submission["speedup"]))
    (told,) = paper_table(run.path)
    assert told.score is not None and told.score.aggregate.value == 1.0
    assert told.score.best_seen_aggregate.value == pytest.approx(whole["speedup"])
