"""Claude Code, Codex and OpenCode themselves, started through their scaffolds, with a scripted model."""

import json
from itertools import pairwise
from pathlib import Path

import pytest

from infraray.workspaces.scaffolds.events import Ended, Event, Failure, Said, ShellCommand, Started, Trouble
from infraray.workspaces.scaffolds.scaffold import find_scaffold
from tests.workspaces import story
from tests.workspaces.driven import Driven
from tests.workspaces.install_clis import VERSIONS
from tests.workspaces.scripted_model import ScriptedModel, Turn, call, cut, refuse, rubbish, say, shell

every_scaffold = pytest.mark.parametrize("name", VERSIONS["newest"])
QUESTIONS = [
    {"id": "engine", "header": "Engine", "question": "Which?", "options": [{"label": "a", "description": "b"}]}
]
ASKING = {
    "claude-code": call("AskUserQuestion", questions=QUESTIONS),
    "codex": call("request_user_input", questions=QUESTIONS),
    "opencode": call("question", questions=QUESTIONS),
}
"""Calls of the tools that would ask a person."""

only_newest = pytest.mark.parametrize("age", ["newest"], indirect=True)


@every_scaffold
def test_agent_works_stops_early_and_is_resumed_in_the_same_conversation(name: str, age: str, tmp_path: Path) -> None:
    scaffold = find_scaffold(name)
    assert scaffold.problem() is None
    assert scaffold.version() == VERSIONS[age][name]
    with ScriptedModel([*story.FIRST_START, *story.SECOND_START]) as model:
        driven = Driven(scaffold, tmp_path, model.url)
        story.furnish(driven.at.workspace)
        first = driven.start(story.MISSION)
        asked = len(model.turns)
        second = driven.resume(story.GO_ON)
    assert (story.work(first.events), first.failure) == (story.FIRST_EVENTS, None)
    assert (story.work(second.events), second.failure) == (story.SECOND_EVENTS, None)
    assert [type(event) for event in (first.events[0], first.events[-1])] == [Started, Ended]
    assert (driven.at.workspace / "start_server.sh").read_text() == "exec serve --max-num-seqs 64\n"
    # The mission is in no argument, and the resumed conversation knows it and what was done.
    assert not any(story.MISSION.strip() in word for word in (*first.launch.argv, *second.launch.argv))
    assert asked == len(story.FIRST_START) and len(model.turns) == asked + len(story.SECOND_START)
    known = "\n".join(model.turns[asked].texts)
    assert all(text in known for text in (story.MISSION.strip(), "score 1", story.GO_ON.strip()))
    # Nothing beside the agent's turns, which name the one model, no key of ours, and fit a small context.
    assert model.side_calls == []
    assert {(asked.body["model"], asked.key) for asked in model.turns} == {("scripted-model", "none")}
    assert len(json.dumps(model.turns[0].body)) < 48_000
    # Each prompt begins with the one before, so that a server need not read it again.
    for before, after in pairwise(model.turns[:asked]):
        assert after.texts[: len(before.texts)] == before.texts


@every_scaffold
@only_newest
def test_refused_key_is_a_login_that_is_needed(name: str, age: str, tmp_path: Path) -> None:
    with ScriptedModel([refuse(401, "invalid x-api-key")] * 20) as model:
        outcome = Driven(find_scaffold(name), tmp_path, model.url).start(story.MISSION)
    assert outcome.failure == Failure.NEEDS_LOGIN


@pytest.mark.parametrize("name", ["claude-code", "codex"])
@only_newest
def test_prompt_that_does_not_fit_is_refused_at_once(name: str, age: str, tmp_path: Path) -> None:
    with ScriptedModel([refuse(400, "prompt is too long: 50000 tokens > 32768 maximum")] * 20) as model:
        outcome = Driven(find_scaffold(name), tmp_path, model.url).start(story.MISSION)
        assert len(model.turns) == 1
    assert outcome.failure == Failure.MODEL_REFUSED


@pytest.mark.parametrize(
    ("turn", "failure"),
    [
        (refuse(400, "prompt is too long: 50000 tokens > 32768 maximum"), Failure.MODEL_REFUSED),
        (rubbish(), Failure.MODEL_UNREACHABLE),
    ],
)
@only_newest
def test_opencode_asks_again_for_ever_and_says_why(age: str, turn: Turn, failure: Failure, tmp_path: Path) -> None:
    told: list[Failure | None] = []

    def third_time(event: Event) -> bool:
        told.extend([event.failure] if isinstance(event, Ended | Trouble) else [])
        return told.count(failure) == 3

    with ScriptedModel([turn] * 20) as model:
        outcome = Driven(find_scaffold("opencode"), tmp_path, model.url).start(story.MISSION, third_time)
    assert outcome.failure == Failure.SILENT  # that is: it had to be ended
    assert told.count(failure) == 3


@every_scaffold
@only_newest
def test_model_that_stumbles_costs_no_work(name: str, age: str, tmp_path: Path) -> None:
    script = [
        refuse(429, "slow down", retry_after="1"),
        cut("half of a sentence that nobody hears the end of"),
        call("no_such_tool", x=1),
        ASKING[name],
        shell("head -c 10000000 /dev/zero | tr '\\0' x", "Much is printed."),
        say(""),
        say("Done."),
    ]
    with ScriptedModel(script) as model:
        outcome = Driven(find_scaffold(name), tmp_path, model.url).start(story.MISSION)
        assert len(model.turns) >= 6
        assert len(json.dumps(model.turns[-1].body)) < 2_000_000
    assert outcome.failure is None
    assert Said("Much is printed.") in outcome.events
    (command,) = (event for event in outcome.events if isinstance(event, ShellCommand))
    assert command.exit_code == 0 and "xxx" in command.output


@only_newest
def test_claude_code_gives_up_where_nobody_answers(age: str, tmp_path: Path) -> None:
    outcome = Driven(find_scaffold("claude-code"), tmp_path, "http://127.0.0.1:9").start(story.MISSION)
    assert outcome.failure == Failure.MODEL_UNREACHABLE
    assert '"subtype":"success"' in outcome.lines[-1] and '"is_error":true' in outcome.lines[-1]


@only_newest
def test_codex_says_that_it_reconnects_where_nobody_answers(age: str, tmp_path: Path) -> None:
    driven = Driven(find_scaffold("codex"), tmp_path, "http://127.0.0.1:9")
    outcome = driven.start(story.MISSION, lambda event: isinstance(event, Trouble))
    assert outcome.failure == Failure.SILENT
    assert isinstance(outcome.events[-1], Trouble) and outcome.events[-1].failure == Failure.MODEL_UNREACHABLE
