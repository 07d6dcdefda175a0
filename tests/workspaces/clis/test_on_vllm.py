"""The real programs on a real vLLM, which takes their requests, with a model that says random things."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infraray.engines import EngineSpec
from infraray.trajectories.episode_reader import read_episodes
from infraray.trajectories.stored_episode import StoredEpisode
from tests.engines import tiny_model
from tests.engines.conftest import ENV, FLAGS
from tests.engines.started import started
from tests.exporters.runs import play_scenarios
from tests.workspaces.install_clis import VERSIONS

pytestmark = [pytest.mark.engine, pytest.mark.timeout(420)]

CONTEXT_TOKENS = 65_536
"""With a tokenizer of bytes, a first request takes up to half of it."""

SECTION = {
    "scenario": "load_balance",
    "parameters": {"warmup_steps": 0, "scored_steps": 3},
    "invalid_action": "end",
}


@pytest.fixture(scope="module")
def vllm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One server's model and base URL, as options of an agent."""
    folder = tmp_path_factory.mktemp("long")
    subprocess.run([sys.executable, tiny_model.__file__, str(folder)], check=True)
    about = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**about, "max_position_embeddings": CONTEXT_TOKENS}))
    tools = {"enable_auto_tool_choice": True, "tool_call_parser": "hermes"}
    flags = {**FLAGS, **tools, "max_model_len": CONTEXT_TOKENS}
    spec = EngineSpec(model=str(folder), flags=flags, env=ENV, ready_timeout_s=300)
    with started(spec) as process:
        yield f"model={spec.served_model}&base_url={process.url}"


@pytest.mark.parametrize("name", VERSIONS["newest"])
@pytest.mark.parametrize("age", ["newest"], indirect=True)
def test_garbage_of_a_real_model_is_survived(name: str, age: str, vllm: str, tmp_path: Path) -> None:
    agent = f"cli:{name}?{vllm}&time_s=30&tokens=100000&context_tokens=32768"
    run = play_scenarios(tmp_path / "run", [SECTION], [agent], 1, limit_s=300)
    ((row, steps),) = read_episodes(run)
    assert (row["status"], row["failure"]) == ("finished", "invalid_action")
    (record,) = StoredEpisode(row, steps.read()).agent_records
    turns = [event for event in record["events"] if event["kind"] == "turn"]
    assert turns and {turn["status"] for turn in turns} == {200}
    assert record["workspace"]["ended"] in ("stopped", "time", "tokens")
    assert record["workspace"]["failures"] == {}
