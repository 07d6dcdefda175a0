"""Chat exports open with what people open them with, wherever in them a field is first seen."""

import json
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from infraray.errors import InfrarayError
from infraray.trajectories.exporters.chat_files import ChatFile
from infraray.trajectories.exporters.export import export
from infraray.trajectories.exporters.metadata import METADATA
from infraray.trajectories.schema import EPISODES
from tests.exporters.runs import BREAKS_OFF, TALKER, play_scenarios
from tests.exporters.test_product_agents import SIMULATED

CALL = {"id": "call-1", "type": "function", "function": {"name": "calculator", "arguments": '{"expression": "1"}'}}
LATE: dict[str, dict[str, Any]] = {
    "score": {"score": 0.5},
    "correct": {"correct": True, "safe": False},
    "normalized_score": {"floor": 1.0, "bound": 2.0, "normalized_score": -3.25},
    "tool_calls": {},
    "tools": {},
}
"""What a line may show that the others do not."""


def line(number: int, *shows: str, length: int = 20) -> dict[str, Any]:
    types = {pa.string(): "text", pa.int32(): 1, pa.int64(): 1, pa.float64(): 0.0, pa.bool_(): True}
    nullable = ("score", "floor", "bound", "normalized_score", "correct", "safe")
    metadata = {name: None if name in nullable else types[EPISODES.field(name).type] for name in METADATA}
    metadata |= {"episode_id": f"{number:032x}", "metrics": '{"a":[1,{"b":null}]}', "left_out_steps": 0}
    messages: list[dict[str, Any]] = [{"role": "user", "content": f"\u2028{number} " + "x" * length}]
    made: dict[str, Any] = {}
    for field in shows:
        metadata |= LATE[field]
        if field == "tool_calls":
            messages.append({"role": "assistant", "content": "", "tool_calls": [CALL]})
            messages.append({"role": "tool", "content": "1", "tool_call_id": "call-1", "name": "calculator"})
        if field == "tools":
            made = {"tools": json.dumps([{"type": "function", "function": {"name": "calculator"}}])}
    messages.append({"role": "assistant", "content": '{"server": 1}'})
    return {"messages": messages, **made, "metadata": metadata}


def write(path: Path, lines: list[dict[str, Any]]) -> Path:
    file = ChatFile(path, (*METADATA, "left_out_steps"))
    for one in lines:
        file.write(one)
    file.close(keep=True)
    assert [found.name for found in path.parent.iterdir()] == [path.name]
    return path


def load(path: Path, monkeypatch: pytest.MonkeyPatch, **options: Any) -> Any:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    from datasets import load_dataset

    kind = "parquet" if path.suffix == ".parquet" else "json"
    cache = path.parent.parent / f"cache-{kind}"
    return load_dataset(kind, data_files=str(path), split="train", cache_dir=str(cache), **options)


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_nulls(part) for name, part in value.items() if part is not None}
    return [without_nulls(part) for part in value] if isinstance(value, list) else value


def check(found: list[dict[str, Any]], lines: list[dict[str, Any]]) -> None:
    """The same rows, in any order."""

    def by_id(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return sorted(map(without_nulls, rows), key=lambda row: row["metadata"]["episode_id"])

    assert by_id(found) == by_id(lines)


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_what_is_first_seen_after_ten_megabytes_opens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    lines = [line(number, length=60_000) for number in range(200)] + [line(200 + n, one) for n, one in enumerate(LATE)]
    path = write(tmp_path / "out" / f"chat.{suffix}", lines)
    check(load(path, monkeypatch).to_list(), lines)


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
@pytest.mark.parametrize("seed", range(6))
def test_lines_in_any_order_open_with_every_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, seed: int
) -> None:
    import duckdb
    import pandas
    import polars

    dice = random.Random(seed)
    fields = dice.sample(sorted(LATE), dice.randint(0, len(LATE)))
    lines = [
        line(number, *(one for one in fields if dice.random() < 0.02), length=dice.randint(0, 400))
        for number in range(400)
    ]
    lines += [line(400, *fields)]
    path = write(tmp_path / "out" / f"chat.{suffix}", lines)
    if suffix == "parquet":
        check(load(path, monkeypatch).to_list(), lines)
        check(polars.read_parquet(path).to_dicts(), lines)
        assert len(pandas.read_parquet(path)) == len(lines)
    else:
        check(load(path, monkeypatch, chunksize=16 * 2**10).to_list(), lines)
        check(polars.read_ndjson(path).to_dicts(), lines)
        assert len(pandas.read_json(path, lines=True)) == len(lines)
        check([json.loads(one) for one in path.read_bytes().split(b"\n")[:-1]], lines)
    ((count, episodes),) = duckdb.sql(f"select count(*), count(distinct metadata.episode_id) from '{path}'").fetchall()
    assert count == episodes == len(lines)


def test_lines_stay_in_order_where_the_first_show_every_type(tmp_path: Path) -> None:
    lines = [line(0, "score", "correct"), *(line(number, "score") for number in range(1, 20))]
    path = write(tmp_path / "out" / "chat.jsonl", lines)
    assert [json.loads(one) for one in path.read_bytes().split(b"\n")[:-1]] == lines


def test_parquet_has_only_the_messages_fields_that_there_are(tmp_path: Path) -> None:
    """A template that asks whether a message has calls of tools would take a null for yes."""
    import pyarrow.parquet as pq

    plain = pq.read_table(write(tmp_path / "a" / "chat.parquet", [line(0)]))
    assert set(plain["messages"][0].as_py()[0]) == {"role", "content"} and "tools" not in plain.column_names
    called = pq.read_table(write(tmp_path / "b" / "chat.parquet", [line(0), line(1, "tool_calls", "tools")]))
    assert called["messages"][1].as_py()[1]["tool_calls"] == [CALL]
    assert json.loads(called["tools"][1].as_py())[0]["function"]["name"] == "calculator"


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_a_run_like_the_quickstart_opens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    """Several scenarios, of which some define what others do not, and episodes that failed before all others."""
    import duckdb
    import polars

    sections = [{**SIMULATED[0], "agents": [BREAKS_OFF, f"{TALKER}?tools=true"]}, *SIMULATED[1:]]
    run = play_scenarios(tmp_path / "run", sections, ["scripted:*"], seeds=2)
    path = tmp_path / "out" / f"chat.{suffix}"
    said = export(run.path, "chat", out=path, quiet=True)
    episodes = {row["episode_id"]: row for row in run.episodes().to_pylist()}
    assert said.startswith(f"{len(episodes)} episodes with ")
    options = {"chunksize": 16 * 2**10} if suffix == "jsonl" else {}
    found = load(path, monkeypatch, **options).to_list()
    assert {row["metadata"]["episode_id"] for row in found} == set(episodes)
    for row in found:
        stored = episodes[row["metadata"]["episode_id"]]
        for name in METADATA:
            value = stored[name]
            # Where messages differ in their fields, datasets writes JSON anew, numbers with ten digits.
            expected = pytest.approx(value, rel=1e-8) if suffix == "jsonl" and type(value) is float else value
            assert row["metadata"][name] == expected, name
    frame = polars.read_parquet(path) if suffix == "parquet" else polars.read_ndjson(path)
    assert frame.height == len(episodes)
    ((failed,),) = duckdb.sql(f"select count(*) from '{path}' where metadata.score is null").fetchall()
    assert failed == sum(row["score"] is None for row in episodes.values()) == 2


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_a_full_disk_leaves_nothing_and_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    file = ChatFile(tmp_path / "out" / f"chat.{suffix}", (*METADATA, "left_out_steps"))
    file.write(line(0))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("infraray.trajectories.exporters.chat_files.os.replace", full)
    with pytest.raises(InfrarayError, match=rf"chat.{suffix}: cannot be written \(No space left on device\)"):
        file.close(keep=True)
    assert not list((tmp_path / "out").iterdir())
