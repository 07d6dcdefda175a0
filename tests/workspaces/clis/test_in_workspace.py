"""The real programs inside a workspace: sandbox, proxy and continuation loop around them, on a live network."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from infraray.trajectories.episode_reader import read_episodes
from infraray.trajectories.exporters.export import export
from infraray.trajectories.reader import Run
from infraray.trajectories.stored_episode import StoredEpisode
from infraray.workspaces.behaviour import behaviours
from tests.exporters.runs import play_scenarios
from tests.exporters.test_atif import check_rules
from tests.workspaces.install_clis import VERSIONS
from tests.workspaces.scripted_model import ScriptedModel, Turn, say, shell

SECTION = {"scenario": "routing"}
KEY = "sk-this-is-secret"


def stored(run: Run) -> list[StoredEpisode]:
    return [StoredEpisode(row, steps.read()) for row, steps in read_episodes(run)]


@pytest.fixture(scope="module")
def repair(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str]]:
    """Machines and commands with which the expert repairs the network."""
    run = play_scenarios(tmp_path_factory.mktemp("expert") / "run", [SECTION], ["scripted:expert"], 1, limit_s=600)
    (episode,) = stored(run)
    assert episode.row["score"] == 1.0
    actions = [json.loads(step["action_said"]) for step in episode.steps]
    return [(action["machine"], action["command"]) for action in actions]


@pytest.mark.parametrize("name", VERSIONS["newest"])
def test_agent_repairs_a_network_as_the_expert_does(
    name: str, age: str, repair: list[tuple[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    script: list[Turn] = [
        shell("timer; env; cat MISSION.md; ls -A ~ /root /home", "I look around."),
        say("There is a network. Shall I repair it?"),
        *(shell(f"on {machine} {shlex.quote(command)}") for machine, command in repair),
        say("It is repaired."),
    ]
    with ScriptedModel(script) as model:
        agent = f"cli:{name}?model=scripted-model&base_url={model.url}/v1&time_s=600"
        run = play_scenarios(tmp_path / "run", [SECTION], [agent], 1, limit_s=600)
    (episode,) = stored(run)
    assert episode.row["failure"] is None
    assert (episode.row["score"], episode.row["correct"], len(episode.steps)) == (1.0, True, len(repair))
    # It was resumed once, in the same conversation, and only the proxy knows the key.
    events = [event for record in episode.agent_records for event in record["events"]]
    assert [event["number"] for event in events if event["kind"] == "start"] == [1, 2]
    assert {asked.key for asked in model.turns} == {KEY}
    assert KEY not in json.dumps(events)
    looked = next(event for event in events if event["kind"] == "tool")
    assert looked["name"] == "timer" and "seconds are left" in looked["output"]
    assert any(event["kind"] == "shell" for event in events)
    assert "You are a network engineer" in "\n".join(model.turns[0].texts)
    assert "I look around." in "\n".join(model.turns[2].texts)
    assert episode.agent_records[-1]["workspace"]["failures"] == {}
    assert episode.row["input_tokens"] > 0
    _check_reports(run, tmp_path)


def _check_reports(run: Run, folder: Path) -> None:
    """The behaviour and the ATIF document of the run."""
    (behaviour,) = behaviours(run.path)
    assert (behaviour.starts, behaviour.early_stops, behaviour.score) == (2, 1, 1.0)
    assert behaviour.activity.whole_s == pytest.approx(behaviour.whole_s)
    assert behaviour.activity.starting_s > 0
    export(run.path, "atif", out=folder / "atif", quiet=True)
    (path,) = (folder / "atif").iterdir()
    document: dict[str, Any] = json.loads(path.read_text())
    check_rules(document)
    answers = [step for step in document["steps"] if step["source"] == "agent" and "is_copied_context" not in step]
    said = [step["message"] for step in answers]
    assert said[:2] == ["I look around.", "There is a network. Shall I repair it?"]
    assert any("observation" in step for step in document["steps"])
