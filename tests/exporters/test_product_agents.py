"""Exports of the product's own agents: every message as it was sent or received, once; every action as it is read."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from infraray.environment import Environment
from infraray.registration import find
from infraray.trajectories.encoding import to_json
from infraray.trajectories.exporters.export import export
from infraray.trajectories.reader import Run
from tests.agents.test_graph import EXAMPLE, model  # noqa: F401 (a fixture)
from tests.emulators.live import needs_networks
from tests.exporters.receiver import receiving, values
from tests.exporters.runs import play_scenarios
from tests.openai_server import Server

SIMULATED = [
    {"scenario": "load_balance", "parameters": {"warmup_steps": 2, "scored_steps": 6}},
    {"scenario": "caching", "parameters": {"warmup_requests": 20, "scored_requests": 60, "capacity_bytes": 200_000}},
    {"scenario": "abr", "parameters": {"warmup_steps": 2, "scored_steps": 6}},
]


def environments(run: Run) -> dict[str, Environment]:
    return {
        label: find(entry.id).environment_class()(**entry.parameters, **entry.options, level=entry.level)
        for label, entry in run.manifest.scenarios.items()
    }


def chats(run: Run) -> dict[str, list[dict]]:
    """The messages by episode, the same from JSONL and Parquet."""
    import pyarrow.parquet as pq

    export(run.path, "chat", quiet=True)
    export(run.path, "chat", out=run.path / "exports" / "chat.parquet", quiet=True)
    lines = [json.loads(line) for line in (run.path / "exports" / "chat.jsonl").read_bytes().split(b"\n")[:-1]]
    found = {line["metadata"]["episode_id"]: line["messages"] for line in lines}
    rows = pq.read_table(run.path / "exports" / "chat.parquet").to_pylist()
    typed = {
        row["metadata"]["episode_id"]: [
            {name: value for name, value in message.items() if value is not None} for message in row["messages"]
        ]
        for row in rows
    }
    assert typed == found
    return found


def atif_documents(run: Run) -> dict[str, dict]:
    export(run.path, "atif", quiet=True)
    return {path.stem: json.loads(path.read_text()) for path in (run.path / "exports" / "atif").iterdir()}


def output_messages(run: Run) -> dict[str, list[str]]:
    """What OTLP's spans of an episode say was answered, in order."""
    with receiving() as receiver:
        export(run.path, "otlp", endpoint=receiver.url, quiet=True)
    said: dict[str, list[str]] = {}
    for span in sorted(receiver.spans.values(), key=lambda span: span.start_time_unix_nano):
        about = values(span.attributes)
        if "gen_ai.output.messages" in about:
            (answer,) = json.loads(about["gen_ai.output.messages"])
            text = "".join(part["content"] for part in answer["parts"] if part["type"] == "text")
            said.setdefault(span.trace_id.hex(), []).append(text)
        elif "infraray.step.action_said" in about:
            said.setdefault(span.trace_id.hex(), []).append(about["infraray.step.action_said"])
    return said


def answers_of_every_export(run: Run) -> Iterator[tuple[str, list[str]]]:
    """For each export and episode, what the agent answered step by step; what it asked of tools is left out."""
    steps = {row["episode_id"]: row["steps"] for row in run.episodes().to_pylist()}
    for identity, messages in chats(run).items():
        last_of_turn = [
            message["content"]
            for message, following in zip(messages, [*messages[1:], {"role": "user", "content": ""}], strict=True)
            if message["role"] == "assistant"
            and following["role"] != "tool"
            and not following["content"].startswith("Observation:")
        ]
        # What stands before is an example of a few-shot prompt.
        yield identity, last_of_turn[-steps[identity] :]
    for identity, document in atif_documents(run).items():
        yield identity, [step["message"] for step in document["steps"] if "index" in step.get("extra", {})]
    yield from output_messages(run).items()


def check_answers(run: Run) -> None:
    """Every answer of every export, fed to the scenario's parser, gives the stored action."""
    spoken = environments(run)
    labels = {row["episode_id"]: row["scenario_label"] for row in run.episodes().to_pylist()}
    stored: dict[str, list[dict]] = {}
    for step in run.steps().sort_by([("episode_id", "ascending"), ("index", "ascending")]).to_pylist():
        stored.setdefault(step["episode_id"], []).append(step)
    for environment in spoken.values():
        environment.reset(seed=0)
    checked = 0
    for identity, answers in answers_of_every_export(run):
        steps = stored[identity]
        assert len(answers) == len(steps)
        for answer, step in zip(answers, steps, strict=True):
            if step["valid"]:
                assert to_json(spoken[labels[identity]].parse_action(answer)) == step["action_understood"]
                checked += 1
    assert checked > 0


@pytest.mark.parametrize("section", SIMULATED, ids=lambda section: section["scenario"])
def test_actions_of_scripted_agents_are_what_the_scenario_reads(tmp_path: Path, section: dict[str, Any]) -> None:
    run = play_scenarios(tmp_path / "run", [section], ["scripted:*"], seeds=1)
    check_answers(run)
    # As the scenario describes it: an object, not a bare number.
    for messages in chats(run).values():
        assert all(isinstance(json.loads(one["content"]), dict) for one in messages if one["role"] == "assistant")


@pytest.mark.parametrize("section", SIMULATED, ids=lambda section: section["scenario"])
def test_an_experts_chat_is_what_a_model_is_asked_when_it_plays(tmp_path: Path, section: dict[str, Any]) -> None:
    run = play_scenarios(tmp_path / "run", [section], ["scripted:constant"], seeds=1)
    (messages,) = chats(run).values()
    said = [message["content"] for message in messages if message["role"] == "assistant"]
    with served(lambda body, number: said[number]) as server:
        play_scenarios(tmp_path / "chat", [section], [f"chat:m@{server.url}?memory=all"], seeds=1)
    assert role_and_content(server.requests[-1]["messages"]) == role_and_content(messages[:-1])


@needs_networks
def test_actions_of_scripted_agents_on_a_live_network_are_what_the_scenario_reads(tmp_path: Path) -> None:
    check_answers(play_scenarios(tmp_path / "run", [{"scenario": "routing"}], ["scripted:*"], seeds=1))


def says(body: dict[str, Any], number: int) -> str:
    """A reply in the form that the strategy asks for; every fifth is none, every other of ReAct calls a tool."""
    server = number % 3
    task = body["messages"][0]["content"]
    if number % 5 == 4:
        # An answer that is no JSON would be asked for again, in another format.
        return (
            f'{{"server": {number + 90}}}'
            if "one JSON object and nothing else" in task
            else f"I do not know ({number})."
        )
    if "Action: tool[" in task and number % 2:
        return f"Thought: number {number}\nAction: calculator[{number} + 1]"
    if "Action: answer[" in task:
        return f'Thought: number {number}\nAction: answer[{{"server": {server}}}]'
    if "Answer: " in task:
        return f'Number {number} of them.\nAnswer: {{"server": {server}}}'
    return json.dumps({"server": server})


@contextmanager
def served(say: Callable[[dict[str, Any], int], str] = says) -> Iterator[Server]:
    """A server, with what it replied as ``replies``."""
    replies: list[str] = []

    def reply(body: dict[str, Any]) -> str:
        replies.append(say(body, len(replies)))
        return replies[-1]

    with Server(reply) as server:
        server.replies = replies  # type: ignore[attr-defined]
        yield server


def play_chat(folder: Path, server: Server, **options: Any) -> Run:
    asked = "&".join(f"{name}={value}" for name, value in options.items())
    return play_scenarios(folder, [SIMULATED[0]], [f"chat:m@{server.url}?{asked}"], seeds=1)


STRATEGIES = {
    "zero_shot": {},
    "few_shot": {"examples": 2},
    "chain_of_thought": {},
    "react": {"tools": "calculator,notes", "max_tool_calls": 2},
    "structured": {},
}


def role_and_content(messages: list[dict]) -> list[tuple[str, str]]:
    return [(message["role"], message["content"]) for message in messages]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_chat_agents_messages_are_those_that_went_over_the_wire_each_once(tmp_path: Path, strategy: str) -> None:
    with served() as server:
        run = play_chat(tmp_path / "run", server, strategy=strategy, memory="all", **STRATEGIES[strategy])
    (messages,) = chats(run).values()
    # An agent that remembers all sends all with its last request.
    sent = [*server.requests[-1]["messages"], {"role": "assistant", "content": server.replies[-1]}]
    assert role_and_content(messages) == role_and_content(sent)
    assert not any("tool_calls" in message or message["role"] == "tool" for message in messages)
    said = [message["content"] for message in messages if message["role"] == "assistant"]
    assert said[len(said) - len(server.replies) :] == server.replies
    if strategy == "react":
        assert any("Action: calculator[" in text for text in said)
    (document,) = atif_documents(run).values()
    sources = {"system": "system", "user": "user", "agent": "assistant"}
    assert [(sources[step["source"]], step["message"]) for step in document["steps"]] == role_and_content(sent)
    assert not any("tool_calls" in step or "observation" in step for step in document["steps"])
    copied = [step["message"] for step in document["steps"] if step.get("is_copied_context")]
    assert len(copied) == STRATEGIES[strategy].get("examples", 0)
    check_answers(run)


@pytest.mark.parametrize("memory", ["last:1", "last:2", "summary"])
@pytest.mark.parametrize("strategy", ["chain_of_thought", "react"])
def test_what_a_chat_agent_forgets_stands_in_its_exports(tmp_path: Path, strategy: str, memory: str) -> None:
    told = []
    for remembered in ("all", memory):
        with served() as server:
            run = play_chat(
                tmp_path / remembered.replace(":", "-"),
                server,
                strategy=strategy,
                memory=remembered,
                **STRATEGIES[strategy],
            )
        told.append(role_and_content(*chats(run).values()))
    assert told[0] == told[1]


@pytest.mark.parametrize("reply", ["Action: calculator[1]", "Action: answer[1]", '{"server": 1}', ""])
def test_a_model_that_always_says_the_same_is_told_whole(tmp_path: Path, reply: str) -> None:
    with served(lambda body, number: reply) as server:
        run = play_chat(tmp_path / "run", server, strategy="react", tools="calculator", max_tool_calls=2)
    (messages,) = chats(run).values()
    sent = [*server.requests[-1]["messages"], {"role": "assistant", "content": reply}]
    assert role_and_content(messages) == role_and_content(sent)


def test_valid_only_leaves_out_whole_turns_with_their_tools(tmp_path: Path) -> None:
    with served() as server:
        run = play_chat(tmp_path / "run", server, strategy="react", tools="calculator", max_tool_calls=2)
    invalid = [step for step in run.steps().to_pylist() if not step["valid"]]
    assert invalid
    export(run.path, "chat", out=tmp_path / "valid.jsonl", valid_only=True, quiet=True)
    messages = json.loads((tmp_path / "valid.jsonl").read_text())["messages"]
    text = "\n".join(message["content"] for message in messages)
    assert "not valid" not in text and "I do not know" not in text
    observed = [step["text_observation"] for step in run.steps().to_pylist() if step["valid"]]
    clean = [re.sub("Your last answer was not valid: .*\n\n", "", one) for one in observed]
    told = [
        one["content"] for one in messages if one["role"] == "user" and not one["content"].startswith("Observation")
    ]
    assert told == clean
    assert [message["role"] for message in messages].count("system") == 1


def test_a_graphs_tool_calls_are_told_once_as_they_were(tmp_path: Path, model: Server) -> None:  # noqa: F811
    # As few steps as the example's graph remembers whole.
    short = {"scenario": "load_balance", "parameters": {"warmup_steps": 0, "scored_steps": 4}}
    run = play_scenarios(tmp_path / "run", [short], [f"graph:{EXAMPLE}:graph"], seeds=1)
    (messages,) = chats(run).values()
    sent = model.requests[-1]["messages"]
    plain = [
        {
            "role": message["role"],
            "content": message.get("content") or "",
            "calls": [call["function"] for call in message.get("tool_calls") or ()],
            "call": message.get("tool_call_id"),
        }
        for message in [*sent, {"role": "assistant", "content": '{"server": 1}'}]
    ]
    assert plain == [
        {
            "role": message["role"],
            "content": message["content"],
            "calls": [call["function"] for call in message.get("tool_calls", ())],
            "call": message.get("tool_call_id"),
        }
        for message in messages
    ]
    (document,) = atif_documents(run).values()
    with receiving() as receiver:
        export(run.path, "otlp", endpoint=receiver.url, quiet=True)
    told = [values(span.attributes) for span in receiver.named("chat")]
    kinds = [
        [part["type"] for one in json.loads(about["gen_ai.input.messages"]) for part in one["parts"]] for about in told
    ]
    assert all(kind[-3:] == ["text", "tool_call", "tool_call_response"] for kind in kinds)
    tools = [values(span.attributes) for span in receiver.named("execute_tool")]
    assert {(one["gen_ai.tool.call.id"], one["gen_ai.tool.call.result"]) for one in tools} == {("call-1", "2.0")}
    calling = [step for step in document["steps"] if "tool_calls" in step]
    assert len(calling) == run.steps().num_rows
    assert {step["observation"]["results"][0]["content"] for step in calling} == {"2.0"}
    check_answers(run)


def clumsy(observation: Any) -> Any:
    """Native actions of several types, every other one invalid."""
    clumsy.count += 1
    return (np.int64(2), 99, np.array(1), None, 1, [1], np.array([0]), 1.5)[clumsy.count % 8]


clumsy.count = 0  # type: ignore[attr-defined]


def test_native_actions_of_any_type_are_stored_in_words_where_they_are_valid(tmp_path: Path) -> None:
    run = play_scenarios(
        tmp_path / "run", [SIMULATED[0]], ["python:tests.exporters.test_product_agents:clumsy"], seeds=2
    )
    check_answers(run)
    steps = run.steps().to_pylist()
    for step in steps:
        if step["valid"]:
            assert step["action_said"] == json.dumps({"server": int(step["action_understood"])})
    assert {"99", "null", "1.5"} <= {step["action_said"] for step in steps if not step["valid"]}
