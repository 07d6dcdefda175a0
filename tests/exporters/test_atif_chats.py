"""ATIF documents of any harness become chats; ours become the chats that are exported directly."""

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from datasets import load_dataset
from hypothesis import given
from hypothesis import strategies as st

from infraray.errors import InfrarayError
from infraray.trajectories.atif_chats import chats_of_atif, messages_of_atif
from infraray.trajectories.exporters.export import export
from tests.exporters.runs import SCRIPTED, TALKER, play_run

DOCUMENT: dict[str, Any] = {
    "schema_version": "ATIF-v1.6",
    "session_id": "s",
    "agent": {"name": "codex", "version": "0.171.0", "tool_definitions": [{"name": "bash"}]},
    "steps": [
        {"step_id": 1, "source": "user", "message": "List the files."},
        {
            "step_id": 2,
            "source": "agent",
            "message": [{"type": "text", "text": "I look."}, {"type": "image", "source": {"path": "a.png"}}],
            "reasoning_content": "ls does that",
            "tool_calls": [{"tool_call_id": "c1", "function_name": "bash", "arguments": {"command": "ls"}}],
            "observation": {"results": [{"source_call_id": "c1", "content": "a\nb"}, {"content": "2 files changed"}]},
        },
        {"step_id": 3, "source": "agent", "message": "Two files."},
    ],
}


def without_names(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """ATIF has no place for a tool's name beside its output."""
    kept = [{name: value for name, value in message.items() if name != "name"} for message in messages]
    for message in kept:
        for call in message.get("tool_calls") or ():
            call["function"]["arguments"] = json.loads(call["function"]["arguments"])
    return kept


@pytest.mark.parametrize("agent", [SCRIPTED, TALKER, f"{TALKER}?tools=true"])
def test_our_documents_become_the_chats_of_the_same_run(tmp_path: Path, agent: str) -> None:
    run = play_run(tmp_path / "run", agent)
    export(run.path, "atif", out=tmp_path / "atif", quiet=True)
    export(run.path, "chat", out=tmp_path / "direct.jsonl", quiet=True)
    said = chats_of_atif(tmp_path / "atif", tmp_path / "chats.jsonl")
    assert said == f"2 chats written to {tmp_path / 'chats.jsonl'}"
    direct, read = (
        {line["metadata"]["episode_id"]: line for line in map(json.loads, path.read_text().splitlines())}
        for path in (tmp_path / "direct.jsonl", tmp_path / "chats.jsonl")
    )
    assert direct.keys() == read.keys()
    for episode, line in read.items():
        assert without_names(line["messages"]) == without_names(direct[episode]["messages"])
        assert line["metadata"]["score"] == direct[episode]["metadata"]["score"]


@pytest.mark.parametrize("name", ["chats.jsonl", "chats.parquet"])
def test_documents_of_others_are_found_at_any_depth(tmp_path: Path, name: str) -> None:
    trial = tmp_path / "jobs" / "trial" / "agent"
    trial.mkdir(parents=True)
    (trial / "trajectory.json").write_text(json.dumps(DOCUMENT))
    (trial / "result.json").write_text('{"reward": 1}')
    (trial / "broken.json").write_text("{")
    command = [sys.executable, "-m", "infraray.trajectories.atif_chats", str(tmp_path / "jobs")]
    done = subprocess.run([*command, "--out", str(tmp_path / name)], capture_output=True, text=True, check=True)
    assert done.stdout == f"1 chats written to {tmp_path / name}; 2 other JSON files left out\n"
    kind = name.rpartition(".")[2].replace("jsonl", "json")
    cache = str(tmp_path / "cache")
    (row,) = load_dataset(kind, data_files=str(tmp_path / name), split="train", cache_dir=cache)
    assert [message["role"] for message in row["messages"]] == ["user", "assistant", "tool", "user", "assistant"]
    assert [message["content"] for message in row["messages"]][1:4] == ["I look.", "a\nb", "2 files changed"]
    assert (row["metadata"]["agent"], row["metadata"]["score"]) == ("codex", None)
    assert json.loads(row["tools"]) == [{"name": "bash"}]


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (("agent",), None, "agent=None: must be an object with a name"),
        (("steps",), [], r"steps=\[\]: must be a list of at least one step"),
        (("steps", 0, "source"), "robot", r"steps\[0\]=.*must have a source: system, user or agent"),
        (("steps", 1, "message"), 7, r"steps\[1\].message=7: must be text or a list of parts"),
        (("steps", 1, "tool_calls"), "ls", r"steps\[1\].tool_calls='ls': must be a list of objects"),
        (("steps", 1, "tool_calls", 0, "function_name"), None, "must have a function_name and a tool_call_id"),
        (("steps", 1, "observation"), [], r"steps\[1\].observation=\[\]: must be an object with results"),
    ],
)
def test_document_that_breaks_the_rules_is_named_and_nothing_is_written(
    tmp_path: Path, place: tuple[Any, ...], value: Any, said: str
) -> None:
    document = copy.deepcopy(DOCUMENT)
    part = document
    for name in place[:-1]:
        part = part[name]
    part[place[-1]] = value
    (tmp_path / "one.json").write_text(json.dumps(document))
    with pytest.raises(InfrarayError, match=rf"one\.json: .*{said}") as raised:
        chats_of_atif(tmp_path, tmp_path / "out" / "chats.jsonl")
    assert "\n" not in str(raised.value)
    assert list((tmp_path / "out").iterdir()) == []


def test_folder_without_documents_says_so(tmp_path: Path) -> None:
    with pytest.raises(InfrarayError, match="holds no ATIF document"):
        chats_of_atif(tmp_path, tmp_path / "chats.jsonl")
    with pytest.raises(InfrarayError, match="is no folder"):
        chats_of_atif(tmp_path / "missing", tmp_path / "chats.jsonl")


@given(wrong=st.sampled_from([[], {}, None, 1, True]))
def test_a_source_or_an_identity_of_any_kind_is_read_or_refused(wrong: Any) -> None:
    with pytest.raises(InfrarayError, match="must have a source"):
        messages_of_atif({"steps": [{"source": wrong}]})
    results = [{"source_call_id": wrong, "content": "done"}]
    steps = [{"source": "agent", "message": "hi", "observation": {"results": results}}]
    assert [message["role"] for message in messages_of_atif({"steps": steps})] == ["assistant", "user"]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["source", "message", "tool_calls", "observation", "results"]), inner)
        ),
        max_leaves=12,
    )
)
def test_anything_is_read_or_refused_in_one_line(steps: Any) -> None:
    try:
        messages = messages_of_atif({"steps": steps})
    except InfrarayError as error:
        assert "\n" not in str(error)
    else:
        assert all(isinstance(message["content"], str) for message in messages)
