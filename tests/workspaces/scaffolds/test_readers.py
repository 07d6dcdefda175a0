"""What real programs have printed, version by version, and what becomes of lines that no version prints."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infraray.workspaces.scaffolds.events import Ended, Event, Failure, Said, ShellCommand, Started, Trouble
from infraray.workspaces.scaffolds.failure_words import failure_of
from infraray.workspaces.scaffolds.scaffold import Reader, find_scaffold
from tests.workspaces import story

GOLDEN = Path(__file__).parent / "golden"
LOGS = sorted(folder.name for folder in GOLDEN.iterdir() if folder.is_dir() and not folder.name.startswith("_"))
LINES = [
    (folder, line)
    for folder in LOGS
    for path in sorted((GOLDEN / folder).iterdir())
    for line in path.read_text().splitlines()
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)

every_log = pytest.mark.parametrize("folder", LOGS)


def reader_of(folder: str) -> Reader:
    return find_scaffold(folder.rpartition("-")[0]).reader()


def read(folder: str, what: str) -> tuple[list[Event], int]:
    reader, lines = reader_of(folder), (GOLDEN / folder / f"{what}.jsonl").read_text().splitlines()
    return [event for line in lines for event in reader.read(line)], len(lines)


def failure(folder: str, what: str, exit_code: int | None) -> Failure | None:
    return find_scaffold(folder.rpartition("-")[0]).failure(exit_code, *read(folder, what), "")


@every_log
def test_every_version_tells_the_same_story(folder: str) -> None:
    first, _ = read(folder, "first")
    second, _ = read(folder, "second")
    assert story.work(first) == story.FIRST_EVENTS
    assert story.work(second) == story.SECOND_EVENTS
    sessions = {event.session for event in (*first, *second) if isinstance(event, Started)}
    assert len(sessions) == 1
    assert failure(folder, "first", 0) is None


@every_log
def test_failures_are_told_apart(folder: str) -> None:
    assert failure(folder, "needs_login", 1) == Failure.NEEDS_LOGIN
    assert failure(folder, "model_refused", 1) == Failure.MODEL_REFUSED
    # This version does not wait where it is asked to.
    gives_up = folder == "codex-0.125.0"
    assert failure(folder, "stumbles", int(gives_up)) == (Failure.MODEL_UNREACHABLE if gives_up else None)


@every_log
def test_start_that_is_killed_in_the_middle_has_no_good_end(folder: str) -> None:
    scaffold = find_scaffold(folder.rpartition("-")[0])
    events, lines = read(folder, "first")
    began = [event for event in events if not isinstance(event, Ended)]
    assert scaffold.failure(137, began, lines, "") == Failure.CRASHED
    assert scaffold.failure(None, began, lines, "") == Failure.SILENT
    assert scaffold.failure(127, [], 0, "") == Failure.NOT_STARTED
    assert scaffold.failure(0, [], 3, "") == Failure.UNREADABLE
    lost = [*began, Trouble(Failure.MODEL_UNREACHABLE, "Reconnecting...")]
    assert scaffold.failure(1, lost, lines, "") == Failure.MODEL_UNREACHABLE


@given(st.sampled_from(LINES), st.data())
def test_line_with_anything_anywhere_is_no_error(told: tuple[str, str], data: st.DataObject) -> None:
    folder, line = told
    document = json.loads(line)
    places = list(_places(document))
    for place in data.draw(st.lists(st.sampled_from(places), max_size=3)):
        _put(document, place, data.draw(JSON))
    reader = reader_of(folder)
    for said in (line, json.dumps(document), line[: data.draw(st.integers(0, len(line)))]):
        assert all(isinstance(event, Event) for event in reader.read(said))


@given(st.sampled_from(LOGS), st.text() | JSON.map(json.dumps))
def test_line_of_something_else_is_no_event(folder: str, line: str) -> None:
    assert reader_of(folder).read(line) == []


def test_deep_line_is_no_error() -> None:
    assert reader_of(LOGS[0]).read("[" * 100_000) == []


@pytest.mark.parametrize(
    ("words", "status", "failure"),
    [
        ("unexpected status 401 Unauthorized: no such key", None, Failure.NEEDS_LOGIN),
        ("Invalid API key · Please run /login", None, Failure.NEEDS_LOGIN),
        ("API Error: 404 no such model", None, Failure.MODEL_REFUSED),
        ("exceeded retry limit, last status: 429 Too Many Requests", None, Failure.MODEL_UNREACHABLE),
        ("API Error: 529 overloaded", None, Failure.MODEL_UNREACHABLE),
        ("Reconnecting... waiting for network", None, Failure.MODEL_UNREACHABLE),
        ("the answer is 42", 400, Failure.MODEL_REFUSED),
        ("the answer is 42", 503, Failure.MODEL_UNREACHABLE),
        ("undefined is not an object (evaluating '$.input_tokens')", None, Failure.CRASHED),
    ],
)
def test_status_decides_and_words_where_there_is_none(words: str, status: int | None, failure: Failure) -> None:
    assert failure_of(words, status) == failure


def test_question_to_nobody_is_told() -> None:
    block = {"type": "tool_use", "id": "t", "name": "AskUserQuestion", "input": {"question": "Which engine?"}}
    told = {"type": "assistant", "message": {"content": [{"type": "text", "text": "Well."}, block]}}
    said, asked = find_scaffold("claude-code").reader().read(json.dumps(told))
    assert said == Said("Well.")
    assert isinstance(asked, Trouble) and asked.failure == Failure.ASKED


def test_answer_that_opencode_cannot_read_is_no_end() -> None:
    reader = find_scaffold("opencode").reader()
    for reason, kind in (("stop", Ended), ("unknown", Trouble), ("tool-calls", None), ("", None)):
        told = json.dumps({"type": "step_finish", "part": {"reason": reason}})
        assert [type(event) for event in reader.read(told)] == ([] if kind is None else [kind])


def test_command_is_what_the_agent_asked_for() -> None:
    reader = find_scaffold("codex").reader()
    for command, understood in (
        ("/bin/bash -lc 'echo \"a b\"'", 'echo "a b"'),
        ("bash -c ls", "ls"),
        ("ls -la", "ls -la"),
        ("echo 'open", "echo 'open"),
    ):
        item = {"type": "command_execution", "command": command, "aggregated_output": "", "exit_code": 0}
        told = json.dumps({"type": "item.completed", "item": item})
        assert reader.read(told) == [ShellCommand(understood, "", 0)]


def _places(document: Any, place: tuple[Any, ...] = ()) -> Any:
    yield place
    if isinstance(document, dict):
        for name, value in document.items():
            yield from _places(value, (*place, name))
    elif isinstance(document, list):
        for index, value in enumerate(document):
            yield from _places(value, (*place, index))


def _put(document: Any, place: tuple[Any, ...], value: Any) -> None:
    """Replaces what is at a place, if that is still there."""
    for part in place[:-1]:
        try:
            document = document[part]
        except (LookupError, TypeError):
            return
    if place and isinstance(document, dict if isinstance(place[-1], str) else list):
        if isinstance(document, dict) or place[-1] < len(document):
            document[place[-1]] = value
