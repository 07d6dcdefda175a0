"""A LangGraph graph plays, remembers within an episode, calls its tool, and forgets between episodes."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import infraray
from infraray.agents import load_agent
from infraray.episodes import EpisodePlayer
from infraray.errors import InfrarayError
from infraray.runs.planning import make_plan
from infraray.runs.run_file import RunSpec
from infraray.user_file import load_file
from tests.openai_server import Reply, Server

EXAMPLE = str(Path(__file__).parents[2] / "examples" / "langgraph_agent.py")


CALL = {
    "id": "call-1",
    "type": "function",
    "function": {"name": "completion_time", "arguments": '{"work_left": 2.0, "job_size": 1.0, "rate": 1.5}'},
}


def asks_for_the_tool_first(body: dict[str, Any]) -> Reply:
    """Then names a server."""
    if body["messages"][-1]["role"] == "user":
        message, reason = {"role": "assistant", "content": None, "tool_calls": [CALL]}, "tool_calls"
    else:
        assert body["messages"][-1]["content"] == "2.0"
        message, reason = {"role": "assistant", "content": '{"server": 1}'}, "stop"
    said = {
        "id": "1",
        "object": "chat.completion",
        "created": 0,
        "model": "fake",
        "choices": [{"index": 0, "message": message, "finish_reason": reason}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 13},
    }
    return Reply(document=said)


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with Server(asks_for_the_tool_first) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("OPENAI_API_KEY", "none")
        yield server


def plan(agent: str, seeds: int = 2) -> list:
    small = {"warmup_steps": 0, "scored_steps": 3}
    asked = {"name": "x", "scenarios": [{"scenario": "load_balance", "parameters": small}], "agents": [agent]}
    return list(make_plan(RunSpec.parse({**asked, "seeds": seeds})).episodes())


def test_the_example_plays_with_memory_and_a_tool(model: Server) -> None:
    first, second = plan(f"graph:{EXAMPLE}:graph")
    assert first.entry.conversational and first.entry.files
    player = EpisodePlayer(60)

    async def play() -> list:
        return [await player.converse(first), await player.converse(second)]

    for trajectory in asyncio.run(play()):
        assert trajectory.failure is None
        assert [step.info["action"] for step in trajectory.steps] == [1, 1, 1]
        assert (trajectory.steps[0].input_tokens, trajectory.steps[0].output_tokens) == (20, 6)
        assert trajectory.steps[0].agent_extra["tool_calls"][0]["name"] == "completion_time"
    lengths = [len(request["messages"]) for request in model.requests]
    # System and user; then the call and its answer too; each step adds four messages to the memory.
    assert lengths == [2, 4, 6, 8, 10, 12] * 2
    assert "You balance load" in model.requests[-1]["messages"][0]["content"]


SECOND_THOUGHTS = """
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph


def ask(state):
    usage = {"input_tokens": 10, "output_tokens": 3, "total_tokens": 13}
    answer = AIMessage("1", usage_metadata=usage)
    return {"messages": [answer, HumanMessage("Are you sure?"), answer.model_copy()]}


saver = InMemorySaver()
remembering = StateGraph(MessagesState).add_node(ask).add_edge(START, "ask").compile(checkpointer=saver)
forgetting = StateGraph(MessagesState).add_node(ask).add_edge(START, "ask").compile()
"""


@pytest.mark.parametrize("name", ["remembering", "forgetting"])
def test_all_that_is_said_after_the_observation_is_the_answers_and_an_episodes_thread_ends_with_it(
    tmp_path: Path, name: str
) -> None:
    file = tmp_path / "second_thoughts.py"
    file.write_text(SECOND_THOUGHTS)
    player = EpisodePlayer(60)

    async def play() -> list:
        return [await player.converse(spec) for spec in plan(f"graph:{file}:{name}")]

    for trajectory in asyncio.run(play()):
        assert trajectory.failure is None
        assert [(step.input_tokens, step.output_tokens) for step in trajectory.steps] == [(20, 6)] * 3
        assert [step.action for step in trajectory.steps] == ["1"] * 3
        asked = [step.agent_extra["messages"] for step in trajectory.steps]
        assert asked[-1][-1] == {"role": "user", "content": trajectory.steps[-1].observation["text_observation"]}
        assert [len(messages) for messages in asked] == ([2, 6, 10] if name == "remembering" else [2, 2, 2])
    assert not load_file(str(file)).saver.storage


def test_what_is_no_graph_is_told() -> None:
    with pytest.raises(InfrarayError, match=r"graph:math:pi: must be a compiled LangGraph graph"):
        load_agent("graph:math:pi", "load_balance")
    with pytest.raises(InfrarayError, match=r"takes no options"):
        load_agent(f"graph:{EXAMPLE}:graph?temperature=1", "load_balance")


GRAPHS = """
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.func import entrypoint
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import interrupt
from pydantic import BaseModel
from typing_extensions import TypedDict


class Number(TypedDict):
    number: int


class Mine(MessagesState):
    number: int


class Model(BaseModel):
    number: int = 0


def answer(state):
    return {"messages": [("ai", "1")]}


def wait(state):
    return {"messages": [("ai", interrupt("which?"))]}


def again(state):
    return {"number": state.get("number", 0) + 1, **answer(state)}


def graph(node, schema=Mine, **schemas):
    return StateGraph(schema, **schemas).add_node("node", node).add_edge(START, "node")


plain = graph(answer).compile()
before = graph(answer).compile(interrupt_before=["node"])
after = graph(answer).compile(interrupt_after="*")
inside = graph(wait).compile()
number = graph(again, Number).compile()
model = graph(again, Model).compile()
takes = graph(answer, input_schema=Number).compile()
gives = graph(answer, output_schema=Number).compile()


def circling(rounds):
    builder = graph(again)
    builder.add_conditional_edges("node", lambda state: "node" if state["number"] < rounds else "__end__")
    return builder.compile()


short = circling(20).with_config(recursion_limit=10)
long = circling(90).with_config(recursion_limit=100)
default = circling(90)


@entrypoint()
def functional(state):
    return {"messages": [HumanMessage(state["messages"][-1]["content"]), AIMessage("1")]}
"""


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("before", r"compiled to stop before node \(interrupt_before\)"),
        ("after", r"compiled to stop after \*"),
        ("number", "its state must hold 'messages'.*takes no messages"),
        ("model", "its state must hold 'messages'"),
        ("takes", "it takes no messages"),
        ("gives", "it gives no messages"),
    ],
)
def test_what_could_not_be_played_is_told_at_the_start(tmp_path: Path, name: str, fault: str) -> None:
    (tmp_path / "mine.py").write_text(GRAPHS)
    with pytest.raises(InfrarayError, match=fault):
        load_agent(f"graph:{tmp_path / 'mine.py'}:{name}", "load_balance")


@pytest.mark.parametrize(
    ("name", "failure"),
    [
        ("plain", None),
        ("functional", None),
        ("long", None),
        ("short", "Recursion limit of 10"),
        ("default", "Recursion limit of 50"),
        ("inside", "waits at an interrupt"),
    ],
)
def test_a_graphs_own_recursion_limit_counts_and_an_interrupt_ends_it(
    tmp_path: Path, name: str, failure: str | None
) -> None:
    (tmp_path / "mine.py").write_text(GRAPHS)
    (spec,) = plan(f"graph:{tmp_path / 'mine.py'}:{name}", seeds=1)
    trajectory = asyncio.run(EpisodePlayer(60).converse(spec))
    assert trajectory.failure is None if failure is None else failure in str(trajectory.failure)


def test_a_coroutine_function_is_an_agent(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("async def act(observation):\n    return 0\n")
    agent = load_agent(f"python:{tmp_path / 'mine.py'}:act", "load_balance")
    assert agent.is_conversational and not load_agent("scripted:random", "load_balance").is_conversational
    assert isinstance(agent, infraray.Agent)
