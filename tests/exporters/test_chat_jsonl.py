import json
from pathlib import Path

import pytest

from infraray.errors import InfrarayError
from infraray.trajectories.episode_selection import Selection
from infraray.trajectories.exporters.export import export
from tests.exporters.runs import BREAKS_OFF, SCRIPTED, TALKER, play_run
from tests.exporters.talker import EXAMPLE


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def roles(line: dict) -> str:
    return "".join(message["role"][0] for message in line["messages"])


def test_a_scripted_agent_becomes_a_chat_about_the_task(tmp_path: Path) -> None:
    run = play_run(tmp_path / "run", SCRIPTED)
    said = export(run.path, "chat", quiet=True)
    path = run.path / "exports" / "chat.jsonl"
    assert said == f"2 episodes with 12 steps written to {path}"
    first = lines(path)[0]
    assert roles(first) == "s" + "ua" * 6
    assert "server from 0 to 2" in first["messages"][0]["content"]
    steps = [step for step in run.steps().to_pylist() if step["episode_id"] == first["metadata"]["episode_id"]]
    assert [message["content"] for message in first["messages"][1::2]] == [step["text_observation"] for step in steps]
    assert [message["content"] for message in first["messages"][2::2]] == [step["action_said"] for step in steps]
    assert first["metadata"]["agent"] == SCRIPTED
    assert first["metadata"]["score"] == run.episodes().column("score")[0].as_py()


@pytest.mark.parametrize("memory", [-1, 0, 1, 2])
def test_a_models_conversation_is_told_once_whatever_it_remembered(tmp_path: Path, memory: int) -> None:
    run = play_run(tmp_path / "run", f"{TALKER}?memory={memory}", seeds=1)
    export(run.path, "chat", quiet=True)
    (line,) = lines(run.path / "exports" / "chat.jsonl")
    steps = run.steps().to_pylist()
    assert line["messages"][1:3] == EXAMPLE
    assert roles(line) == "sua" + "ua" * len(steps)
    answers = [message["content"] for message in line["messages"][4::2]]
    assert [answer.partition(".")[0] for answer in answers] == [f"Thinking {n}" for n in range(1, len(steps) + 1)]
    asked = [message["content"] for message in line["messages"][3::2]]
    assert asked == [f"Now:\n{step['text_observation']}" for step in steps]


def test_tool_calls_stand_between_question_and_answer(tmp_path: Path) -> None:
    run = play_run(tmp_path / "run", f"{TALKER}?tools=true", seeds=1)
    export(run.path, "chat", quiet=True)
    (line,) = lines(run.path / "exports" / "chat.jsonl")
    assert roles(line).startswith("sua" + "uata" * 6)
    _, _, _, _, call, result, _ = line["messages"][:7]
    assert call["tool_calls"][0]["function"] == {"name": "calculator", "arguments": '{"expression": "1 + 1"}'}
    assert (result["tool_call_id"], result["content"]) == (call["tool_calls"][0]["id"], "2")


def test_valid_only_leaves_no_trace_of_invalid_answers(tmp_path: Path) -> None:
    run = play_run(tmp_path / "run", TALKER)
    everything = export(run.path, "chat", out=tmp_path / "all.jsonl", quiet=True)
    valid = export(run.path, "chat", out=tmp_path / "valid.jsonl", valid_only=True, quiet=True)
    invalid_steps = run.steps().column("valid").to_pylist().count(False)
    assert invalid_steps > 0
    assert f"with {run.steps().num_rows} steps" in everything
    assert f"with {run.steps().num_rows - invalid_steps} steps" in valid
    assert valid.endswith(f"{invalid_steps} invalid steps left out")
    assert "fastest one" in (tmp_path / "all.jsonl").read_text()
    text = (tmp_path / "valid.jsonl").read_text()
    assert "fastest one" not in text
    assert "not valid" not in text
    assert all(set(roles(line)[1:]) == {"u", "a"} for line in lines(tmp_path / "valid.jsonl"))
    assert [line["metadata"]["left_out_steps"] for line in lines(tmp_path / "valid.jsonl")] == [invalid_steps // 2] * 2


def test_datasets_opens_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    from datasets import load_dataset

    run = play_run(tmp_path / "run", SCRIPTED, TALKER, f"{TALKER}?tools=true")
    export(run.path, "chat", out=tmp_path / "chat.jsonl", quiet=True)
    found = load_dataset(
        "json", data_files=str(tmp_path / "chat.jsonl"), split="train", cache_dir=str(tmp_path / "cache")
    )
    assert len(found) == 6
    assert {"role", "content"} <= set(found[0]["messages"][0])
    assert {row["metadata"]["agent"] for row in found} == {SCRIPTED, TALKER, f"{TALKER}?tools=true"}


def test_what_cannot_be_told_is_counted_with_its_reason(tmp_path: Path) -> None:
    run = play_run(tmp_path / "run", SCRIPTED, text=False)
    assert export(run.path, "chat", quiet=True).endswith("; left out: 2 without text (text: false)")


def test_an_episode_that_broke_off_says_so(tmp_path: Path) -> None:
    run = play_run(tmp_path / "run", BREAKS_OFF, seeds=1)
    export(run.path, "chat", quiet=True)
    (line,) = lines(run.path / "exports" / "chat.jsonl")
    assert (line["metadata"]["status"], line["metadata"]["score"], roles(line)) == ("failed", None, "sua")


def test_a_run_that_goes_on_is_exported_as_far_as_it_is(tmp_path: Path) -> None:
    run = play_run(tmp_path / "run", SCRIPTED, TALKER, finish=False)
    assert list(run.path.glob("segments/*.arrows"))
    assert list(run.path.glob("episodes/*.parquet"))
    assert export(run.path, "chat", quiet=True).startswith("4 episodes with ")


def test_selection_by_agent_and_scenario(tmp_path: Path) -> None:
    run = play_run(tmp_path / "run", SCRIPTED, TALKER, f"{TALKER}?memory=1")
    for pattern, count in ((TALKER, 2), (f"{TALKER}*", 4), ("scripted:*", 2), ("*", 6)):
        said = export(run.path, "chat", selection=Selection(agent=pattern), quiet=True)
        assert said.startswith(f"{count} episodes"), pattern
    assert export(run.path, "chat", selection=Selection(scenario="load_balance"), quiet=True).startswith("6 episodes")
    with pytest.raises(InfrarayError, match="no agent matches 'chat:"):
        export(run.path, "chat", selection=Selection(agent="chat:*"), quiet=True)
    with pytest.raises(InfrarayError, match="has no scenario 'caching'; it has load_balance"):
        export(run.path, "chat", selection=Selection(scenario="caching"), quiet=True)


def test_a_damaged_run_leaves_no_half_file(tmp_path: Path) -> None:
    run = play_run(tmp_path / "run", SCRIPTED)
    (part,) = run.path.glob("steps/*.parquet")
    part.write_bytes(part.read_bytes()[:-50])
    with pytest.raises(InfrarayError, match="is damaged"):
        export(run.path, "chat", quiet=True)
    assert not list((run.path / "exports").iterdir())


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"to": "csv"}, "--to 'csv': known are atif, chat, otlp"),
        ({"to": "otlp", "out": "x"}, "--out: goes with --to chat or sft or atif, not"),
        ({"to": "chat", "endpoint": "http://localhost"}, "--endpoint: goes with --to otlp, not with --to chat"),
        ({"to": "atif", "valid_only": True}, "--valid-only: goes with --to chat"),
        ({"to": "chat", "out": "/proc/nowhere/chat.jsonl"}, "cannot be written"),
        ({"to": "otlp", "endpoint": "localhost:4318"}, "--endpoint 'localhost:4318': must be a URL"),
    ],
)
def test_arguments_that_do_not_fit_are_refused_in_one_line(tmp_path: Path, arguments: dict, expected: str) -> None:
    run = play_run(tmp_path / "run", SCRIPTED, seeds=1)
    with pytest.raises(InfrarayError) as error:
        export(run.path, **arguments, quiet=True)
    assert expected in str(error.value)
    assert "\n" not in str(error.value)
