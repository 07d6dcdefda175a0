"""A LangGraph graph as an agent: ``graph:package.module:graph`` or ``graph:path/to/file.py:graph``.

The graph's state must hold ``messages``, as LangGraph's `MessagesState` does. Each step invokes it
with the observation as a user message; the answer is the text of the last message. A graph with
a checkpointer remembers the episode by itself (one thread per episode); one without is shown only
the task and the observation of this step.
"""

from __future__ import annotations

import json
from typing import Any

from infraray.agents.agent import Agent, Briefing, Turn
from infraray.errors import InfrarayError
from infraray.observation import Observation

MAX_GRAPH_STEPS = 50
"""Rounds of nodes that a graph may take for one action, unless it sets its own (``with_config(recursion_limit=...)``).
A graph that goes in circles fails its episode."""


class GraphAgent(Agent):
    """Plays with a compiled graph.

    Args:
        graph: a compiled LangGraph graph.

    Raises:
        InfrarayError: it is not a compiled graph, cannot be played, or langgraph is not installed.
    """

    def __init__(self, graph: Any) -> None:
        try:
            from langgraph.pregel import Pregel
        except ImportError:
            raise InfrarayError("graph agents need LangGraph; pip install 'infraray[langgraph]'") from None
        if not isinstance(graph, Pregel):
            raise InfrarayError(
                f"must be a compiled LangGraph graph (StateGraph(...).compile()), not {type(graph).__name__}"
            )
        _check_playable(graph)
        self.graph: Any = graph
        self.recursion_limit = int((graph.config or {}).get("recursion_limit", MAX_GRAPH_STEPS))
        self.remembers = graph.checkpointer not in (None, False)
        self.thread: str | None = None

    def reset(self, briefing: Briefing) -> None:
        """Begins a new thread."""
        self.system = f"{briefing.task_description}\n\n{briefing.available_actions}"
        self.thread = f"{briefing.scenario}-{briefing.seed:x}"
        self.step = 0

    async def release(self) -> None:
        """Ends the thread, which nobody will continue."""
        if self.remembers and self.thread is not None:
            await self.graph.checkpointer.adelete_thread(self.thread)

    async def act(self, observation: Observation) -> Turn:
        """Invokes the graph with the observation."""
        words = observation.get("text_observation")
        if words is None:
            layout = observation.layout
            words = json.dumps({name: getattr(observation, name).tolist() for name in layout.slices} if layout else {})
        if self.step == 0:
            # What a killed worker left in a checkpointer's file must not be remembered.
            await self.release()
        messages = [] if self.remembers and self.step else [{"role": "system", "content": self.system}]
        observed = f"{self.thread}-{self.step}"
        messages.append({"role": "user", "content": words, "id": observed})
        self.step += 1
        config = {"configurable": {"thread_id": self.thread}, "recursion_limit": self.recursion_limit}
        state = await self.graph.ainvoke({"messages": messages}, config)
        if state.get("__interrupt__"):
            raise InfrarayError("the graph waits at an interrupt for a person, but nobody is there to continue it")
        return _turn(state["messages"], observed)


def _check_playable(graph: Any) -> None:
    """Refuses a graph that could not be played to the end.

    Raises:
        InfrarayError: its state holds no messages, or it stops for a person to look.
    """
    builder = getattr(graph, "builder", None)  # without one it uses the functional API, whose state is not declared
    schemas = (builder.input_schema, builder.output_schema) if builder is not None else ()
    for schema, way in zip(schemas, ("takes no", "gives no"), strict=False):
        if "messages" not in _names(schema):
            raise InfrarayError(f"its state must hold 'messages', as LangGraph's MessagesState does; it {way} messages")
    for when in ("before", "after"):
        nodes = getattr(graph, f"interrupt_{when}_nodes")
        if nodes:
            named = nodes if isinstance(nodes, str) else ", ".join(nodes)
            raise InfrarayError(
                f"is compiled to stop {when} {named} (interrupt_{when}), but nobody is there to continue; drop that"
            )


def _names(schema: Any) -> set[str]:
    """The fields of a state's schema, including those of its bases."""
    return {name for base in getattr(schema, "__mro__", ()) for name in vars(base).get("__annotations__", {})} | set(
        getattr(schema, "__annotations__", ())
    )


def _turn(messages: list[Any], observed: str) -> Turn:
    """The last message's text as the action, and the messages since the one with id ``observed`` as the record."""
    humans = [position for position, message in enumerate(messages) if message.type == "human"]
    # A graph that summarizes the conversation may have replaced the observation by other words.
    asked = [position for position in humans if messages[position].id == observed] or humans
    answered = asked[-1] + 1 if asked else 0
    new = messages[answered:]
    calls = [call for message in new for call in getattr(message, "tool_calls", ())]
    results = {message.tool_call_id: message.text for message in new if message.type == "tool"}
    usage = [message.usage_metadata for message in new if getattr(message, "usage_metadata", None)]
    said = new[-1].text if new else ""
    extra = {
        "messages": [_plain(message) for message in messages[:answered]],
        "turn_start": max(0, answered - 1),
        "dialogue": [_plain(message) for message in new[:-1]],
        "completion": {"role": "assistant", "content": str(said)},
        "tool_calls": [
            {"id": call["id"], "name": call["name"], "arguments": call["args"]}
            | ({"result": str(results[call["id"]])} if call["id"] in results else {})
            for call in calls
        ],
        "said": str(said),
    }
    if not usage:
        return Turn(str(said), extra=extra)
    return Turn(
        str(said), sum(each["input_tokens"] for each in usage), sum(each["output_tokens"] for each in usage), extra
    )


_ROLES = {"human": "user", "ai": "assistant"}


def _plain(message: Any) -> dict[str, Any]:
    """A LangChain message in the form of OpenAI's protocol."""
    plain = {"role": _ROLES.get(message.type, message.type), "content": str(message.text)}
    calls = [
        {
            "id": call["id"],
            "type": "function",
            "function": {"name": call["name"], "arguments": json.dumps(call["args"], ensure_ascii=False)},
        }
        for call in getattr(message, "tool_calls", ())
    ]
    if calls:
        plain["tool_calls"] = calls
    if message.type == "tool":
        plain |= {"tool_call_id": message.tool_call_id, "name": message.name}
    return plain
