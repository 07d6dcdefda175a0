"""Every strategy plays every simulated scenario, and reads the answers it asked for."""

import asyncio
import json
from typing import Any

import pytest

import infraray
from infraray.agents import Briefing
from infraray.agents.chat.examples import FIRST_SEED, examples
from infraray.agents.chat.strategies.chain_of_thought import text_after_mark
from infraray.agents.chat.strategies.react import read_action
from infraray.agents.chat.strategies.structured import action_schema
from infraray.errors import InfrarayError
from tests.agents.chat.play import agent_at, play
from tests.openai_server import Reply, Server

SCENARIOS = {"load_balance": "server", "abr": "quality", "caching": "evict"}


def well_behaved(strategy: str, key: str) -> Any:
    def say(body: dict[str, Any]) -> str:
        action = json.dumps({key: 1})
        if strategy in ("chain_of_thought", "cot"):
            return f"{key} 2 looks slow, {key} 0 is busy.\n**Answer:** {action}"
        if strategy == "react":
            if body["messages"][-1]["content"].startswith("Observation:"):
                return f"Thought: {key} 0 would be worse.\nAction: answer[{action}]"
            return "Thought: count.\nAction: calculator[(1 + 2) * 4]\nObservation: 13"
        return action

    return say


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("strategy", ["zero_shot", "few_shot", "chain_of_thought", "cot", "react", "structured"])
@pytest.mark.parametrize("text", [True, False])
def test_plays(strategy: str, scenario: str, text: bool) -> None:
    async def run() -> None:
        with Server(well_behaved(strategy, SCENARIOS[scenario])) as server:
            options = {"tools": "calculator,notes"} if strategy == "react" else {}
            agent = agent_at(server, strategy=strategy, **options)
            played = await play(agent, 3, scenario, text=text)
            assert [info["valid"] for _, info in played] == [True] * 3
            assert [info["action"] for _, info in played] == [1] * 3
            for turn, _ in played:
                assert turn.extra is not None
                assert turn.extra["finish_reason"] == "stop"
                assert turn.extra["time_to_first_token_s"] <= turn.extra["latency_s"]
                assert turn.input_tokens > 0 and turn.output_tokens > 0
                calls = [("calculator", "(1 + 2) * 4", "12")] if strategy == "react" else []
                assert [tuple(call.values()) for call in turn.extra["tool_calls"]] == calls
            if not text:
                seen = server.requests[-1]["messages"]
                user = next(
                    m["content"] for m in reversed(seen) if m["content"].startswith("{") and m["role"] == "user"
                )
                layout = infraray.make(scenario).layout
                assert [name.split(" ")[0] for name in json.loads(user)] == list(layout.slices)

    asyncio.run(run())


def test_the_prompt_holds_the_task_and_what_was_said_before() -> None:
    async def run() -> None:
        with Server() as server:
            await play(agent_at(server), 3)
            environment = infraray.make("load_balance")
            first, *rest = server.requests[-1]["messages"]
            assert (
                environment.task_description in first["content"] and environment.available_actions in first["content"]
            )
            assert [message["role"] for message in rest] == ["user", "assistant"] * 2 + ["user"]
            assert server.requests[-1]["temperature"] == 0 and server.requests[-1]["seed"] == 7

    asyncio.run(run())


def test_an_invalid_answer_is_told_in_the_next_prompt() -> None:
    async def run() -> None:
        with Server("server 99") as server:
            (turn, info), _ = await play(agent_at(server), 2)
            assert not info["valid"] and "99 does not exist" in info["reason"] and turn.extra["said"] == "server 99"
            assert info["reason"] in server.requests[1]["messages"][-1]["content"]

    asyncio.run(run())


def test_react_stops_using_tools_in_the_end() -> None:
    async def run() -> None:
        with Server("Action: calculator[1+1]") as server:
            ((turn, info),) = await play(agent_at(server, strategy="react", tools="calculator", max_tool_calls=2), 1)
            assert len(turn.extra["tool_calls"]) == 2 and len(server.requests) == 3 and not info["valid"]
            assert "No tool may be used any more" in server.requests[-1]["messages"][-1]["content"]

    asyncio.run(run())


def test_react_reads_actions() -> None:
    assert read_action('Thought: a\nAction: answer[{"server": [1]}] done') == ("answer", '{"server": [1]}')
    assert read_action("**Action:** `Notes[]`") == ("notes", "")
    assert read_action("Action: calculator[1 + 2") == ("calculator", "1 + 2")
    assert read_action("no idea\nAnswer: 3") == (None, "3")


@pytest.mark.parametrize(
    ("read", "blank"), [(text_after_mark, "\n"), (read_action, "\n"), (text_after_mark, " \n"), (read_action, "*\n")]
)
def test_reading_an_answer_takes_time_in_proportion_to_its_length(read: Any, blank: str) -> None:
    # What is quadratic would take an hour.
    for text in (blank * 500_000, f"Answer{blank * 500_000}", f"Action:{blank * 500_000}", f"final{blank * 500_000}"):
        assert read(text) in (text, (None, text))


@pytest.mark.parametrize(
    ("strategy", "said", "action"),
    [
        ("zero_shot", "server 1 looks slow. Now consider server 1", ""),
        ("few_shot", '{"server": 1', ""),
        ("few_shot", '{"server": 1}\n ', '{"server": 1}\n '),
        ("structured", '{"server": 1', ""),
        ("structured", '{"server": 1}  ', '{"server": 1}  '),
        ("structured", "[" * 100_000, ""),
        ("cot", "Server 0 is busy. Now consider server 1", ""),
        ("cot", "Server 0 is busy.\nAnswer: server 1", ""),
        ("cot", "Answer: server 2\nThat is, if server 1", "server 2"),
        ("cot", "Answer: server 2\nNo.\nAnswer: server 1", ""),
        ("react", "Thought: now consider server 1", ""),
        ("react", "Thought: yes\nAction: answer[server 1", ""),
        ("react", "Thought: yes\nAction: calculator[server 1", ""),
        ("react", "Thought: yes\nAction: guess[] server 1", ""),
        ("react", "Thought: yes\nAction: answer[server 2]\nThat is, if server 1", "server 2"),
        ("react", "Thought: yes\nAction: answer[server 2\nObservation: server 1", "server 2"),
        ("react", "Thought: yes\nAnswer: server 2\nThat is", "server 2"),
    ],
)
@pytest.mark.parametrize("finish_reason", ["length", "content_filter"])
def test_an_answer_that_was_cut_off_counts_only_where_its_action_is_whole(
    strategy: str, said: str, action: str, finish_reason: str
) -> None:
    async def run() -> None:
        with Server(Reply(said, finish_reason=finish_reason)) as server:
            ((turn, info),) = await play(agent_at(server, strategy=strategy), 1)
            assert (turn.action, info["valid"]) == (action, bool(action))
            assert turn.extra is not None and turn.extra["said"] == said.partition("\nObservation:")[0].strip(
                " " if strategy == "react" else ""
            )
            assert turn.extra["finish_reason"] == finish_reason

    asyncio.run(run())


@pytest.mark.parametrize("without", [set(), {"no_response_format"}, {"no_response_format", "no_tools"}])
def test_structured_falls_back_and_remembers(without: set[str]) -> None:
    async def run() -> None:
        with Server('{"server": 2}') as server:
            server.always = without
            played = await play(agent_at(server, strategy="structured"), 2)
            assert [info["action"] for _, info in played] == [2, 2]
            formats = [next((o for o in ("response_format", "tools") if o in body), "text") for body in server.requests]
            assert formats == [["response_format", "tools", "text"][i] for i in range(len(without))] + [formats[-1]] * 2
            assert formats[-1] == ["response_format", "tools", "text"][len(without)]
            assert played[1][0].extra["left_out"] == sorted(name.removeprefix("no_") for name in without)

    asyncio.run(run())


def formats_of(server: Server) -> list[str]:
    return [next((o for o in ("response_format", "tools") if o in body), "text") for body in server.requests]


def test_a_request_that_is_refused_in_every_form_says_nothing_about_formats() -> None:
    async def run() -> None:
        with Server('{"server": 2}') as server:
            server.troubles = ["400", "400"]
            with pytest.raises(InfrarayError, match="this can not be read"):
                await play(agent_at(server, strategy="structured"), 1)
            ((turn, _),) = await play(agent_at(server, strategy="structured"), 1)
            assert formats_of(server) == ["response_format", "text", "response_format"]
            assert turn.extra["left_out"] == []

    asyncio.run(run())


def test_a_refusal_in_other_words_is_believed_when_plain_text_is_taken() -> None:
    async def run() -> None:
        with Server('{"server": 2}') as server:
            server.troubles = ["400"]
            played = await play(agent_at(server, strategy="structured"), 3)
            assert [info["action"] for _, info in played] == [2, 2, 2]
            assert formats_of(server) == ["response_format", "text", "tools", "tools"]
            assert [turn.extra["left_out"] for turn, _ in played] == [["response_format"]] * 3

    asyncio.run(run())


def test_a_server_that_takes_a_format_and_does_not_keep_to_it_is_asked_for_the_next() -> None:
    async def run() -> None:
        with Server(lambda body: '{"server": 2}' if "tools" in body else "I take server 2") as server:
            played = await play(agent_at(server, strategy="structured"), 2)
            assert [info["action"] for _, info in played] == [2, 2]
            assert formats_of(server) == ["response_format", "tools", "tools"]
            assert played[1][0].extra["left_out"] == ["response_format"]

    asyncio.run(run())


def test_the_schema_follows_the_scenario() -> None:
    briefing = Briefing.of(infraray.make("load_balance", num_servers=3), 0)
    schema = action_schema(briefing)
    assert schema["properties"] == {"server": {"type": "integer", "enum": [0, 1, 2]}}
    admission = Briefing.of(infraray.make("caching", preset="admission"), 0)
    assert action_schema(admission)["properties"] == {"admit": {"type": "boolean"}}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_examples_are_the_experts_answers_on_reserved_seeds(scenario: str) -> None:
    environment = infraray.make(scenario)
    environment.reset(seed=1)
    briefing = Briefing.of(environment, 3)
    shown = examples(briefing, 4, text=True)
    assert [message["role"] for message in shown] == ["user", "assistant"] * 4
    assert FIRST_SEED >= 2**62
    for message in shown[1::2]:
        assert environment.action_space.contains(environment.parse_action(message["content"]))
    assert shown == examples(Briefing.of(infraray.make(scenario), 99), 4, text=True)
    assert len({message["content"] for message in shown[::2]}) == 4
    numbers = examples(briefing, 1, text=False)
    assert set(json.loads(numbers[0]["content"])) and isinstance(json.loads(numbers[1]["content"]), dict)


def test_few_shot_shows_as_many_examples_as_asked_for() -> None:
    async def run() -> None:
        with Server() as server:
            await play(agent_at(server, strategy="few_shot", examples=5), 2)
            assert [len(body["messages"]) for body in server.requests] == [1 + 10 + 1, 1 + 10 + 3]

    asyncio.run(run())


def test_examples_from_a_trace_that_was_rewritten_are_those_of_the_new_one(tmp_path):
    path = tmp_path / "jobs.csv"
    shown = []
    for size in (3, 4):
        path.write_text("arrival_s,size\n" + f"1,{size}\n" * 20)
        environment = infraray.make("load_balance", job_sizes="trace", trace=str(path), warmup_steps=1, scored_steps=5)
        shown.append(examples(Briefing.of(environment, 0), 1, text=True)[0]["content"])
    assert shown[0] != shown[1]


@pytest.mark.parametrize("observation", ["Observation 1: 99", "**Observation:** 99", "observation: 99"])
def test_react_uses_the_tool_where_the_model_makes_up_what_it_gave(observation: str) -> None:
    def say(body: dict[str, Any]) -> str:
        if body["messages"][-1]["content"].startswith("Observation:"):
            return "Thought 2: it is two.\nAction 2: answer[1]"
        return f"Thought 1: count.\nAction 1: calculator[1 + 1]\n{observation}\nThought 2: many.\nAction 2: answer[0]"

    async def run() -> None:
        with Server(say) as server:
            ((turn, info),) = await play(agent_at(server, strategy="react", tools="calculator"), 1)
            assert [call["result"] for call in turn.extra["tool_calls"]] == ["2"] and info["action"] == 1

    asyncio.run(run())
