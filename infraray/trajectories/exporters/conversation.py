"""An episode as one conversation.

An LLM agent stores the prompt with every step as it was sent, which repeats earlier messages,
shortened in one way or another by the agent's memory. The conversation is the new part of each
prompt, followed by the answer: every message as it was sent or received, once. Agents without a
model get the conversation that a chat model would have had: the task as the system message, the
observation, and the action in the scenario's words.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infraray.agents.chat.messages import task
from infraray.agents.chat.strategies.zero_shot import INSTRUCTION
from infraray.trajectories.manifest import PlannedScenario
from infraray.trajectories.stored_episode import StoredEpisode

Message = dict[str, Any]
"""A chat message: ``role``, ``content`` and, if there are any, ``tool_calls``, ``tool_call_id``, ``name``."""


@dataclass(frozen=True)
class Exchange:
    """One step of an episode as a part of its conversation.

    Args:
        index: the step's position in the episode.
        preface: the messages before the first observation, task and examples; empty in all later exchanges.
        asked: the observation and the messages between it and the answer: tool calls and their output.
        answer: the assistant's message.
        reasoning: the model's reasoning; None if it gave none.
        record: what the agent recorded; empty for agents without a model.
        step: the step's row.
    """

    index: int
    preface: tuple[Message, ...]
    asked: tuple[Message, ...]
    answer: Message
    reasoning: str | None
    record: Mapping[str, Any]
    step: Mapping[str, Any]


def has_model(episode: StoredEpisode) -> bool:
    """Whether every step holds the messages of a model."""
    return bool(episode.steps) and all(
        record.get("messages") and isinstance(record.get("completion"), Mapping) for record in episode.agent_records
    )


def can_be_told(episode: StoredEpisode) -> bool:
    """Whether the episode has words: it was played by a model, or with text observations."""
    return has_model(episode) or all(step["text_observation"] is not None for step in episode.steps)


def system_message(scenario: PlannedScenario) -> Message:
    """The task as `ZeroShot` tells it, so that a model that learns from an expert is asked in the same way later.

    Args:
        scenario: its part of ``run.json``.
    """
    return task(scenario.task_description, scenario.available_actions, INSTRUCTION)


def exchanges(episode: StoredEpisode, scenario: PlannedScenario) -> Iterator[Exchange]:
    """Yields an episode's steps as a conversation.

    Args:
        episode: one that `can_be_told`.
        scenario: its part of ``run.json``.
    """
    if has_model(episode):
        yield from _of_a_model(episode)
        return
    for index, step in enumerate(episode.steps):
        preface = (system_message(scenario),) if index == 0 else ()
        asked = {"role": "user", "content": step["text_observation"]}
        answer = {"role": "assistant", "content": step["action_said"]}
        yield Exchange(index, preface, (asked,), answer, None, {}, step)


def without_complaint(messages: Sequence[Message], reason: str | None) -> tuple[Message, ...]:
    """The messages without the environment's note that the previous answer was not valid, and why."""
    complaint = f"Your last answer was not valid: {reason}\n\n"
    return tuple(
        {**message, "content": message["content"].replace(complaint, "", 1)} if message["role"] == "user" else message
        for message in messages
    )


def _of_a_model(episode: StoredEpisode) -> Iterator[Exchange]:
    before: Message | None = None
    for index, (step, record) in enumerate(zip(episode.steps, episode.agent_records, strict=True)):
        prompt = [plain_message(message) for message in record["messages"]]
        start = record["turn_start"] if "turn_start" in record else _turn_start(prompt, before)
        asked = [*prompt[start:], *map(plain_message, record.get("dialogue", ()))]
        calls = record.get("tool_calls") or ()
        if not _are_told(calls, asked):
            asked += _tool_messages(calls, index)
        answer = plain_message(record["completion"])
        preface = tuple(prompt[:start]) if index == 0 else ()
        yield Exchange(index, preface, tuple(asked), answer, record.get("reasoning"), record, step)
        before = answer


def _turn_start(prompt: Sequence[Message], before: Message | None) -> int:
    """The position in a prompt where its step begins, for agents that do not say so.

    Args:
        prompt: the messages.
        before: the last answer; None in the first step.
    """

    def places(role: str) -> list[int]:
        return [position for position, message in enumerate(prompt) if message["role"] == role]

    if before is None:
        return max(places("user"), default=0)
    same = [position for position in places("assistant") if prompt[position]["content"] == before["content"]]
    # If the last answer is not found, the agent's memory has forgotten or shortened it.
    return max(same or places("assistant") or places("system"), default=-1) + 1


def _are_told(calls: Sequence[Mapping[str, Any]], asked: Sequence[Message]) -> bool:
    """Whether the messages show the tool calls, in the protocol's form or, as with ReAct, in words."""
    if any(message["role"] == "tool" or "tool_calls" in message for message in asked):
        return True
    said = [message["content"] for message in asked if message["role"] == "assistant"]
    return all(any(as_text(call.get("arguments", {})) in content for content in said) for call in calls)


def _tool_messages(calls: Sequence[Mapping[str, Any]], index: int) -> list[Message]:
    """The tool calls of a turn whose agent recorded them apart from its messages, and their output."""
    ids = [f"call_{index}_{number}" for number in range(len(calls))]
    asking = {
        "role": "assistant",
        "content": "",
        "tool_calls": [
            {
                "id": identity,
                "type": "function",
                "function": {"name": call["name"], "arguments": as_text(call.get("arguments", {}))},
            }
            for identity, call in zip(ids, calls, strict=True)
        ],
    }
    results: list[Message] = [
        {"role": "tool", "tool_call_id": identity, "name": call["name"], "content": as_text(call.get("result", ""))}
        for identity, call in zip(ids, calls, strict=True)
    ]
    return [asking, *results]


def plain_message(message: Mapping[str, Any]) -> Message:
    """A message with only the chat format's fields, its text as one string."""
    content = message.get("content")
    if isinstance(content, list):
        content = "".join(part.get("text", "") for part in content if isinstance(part, Mapping))
    plain: Message = {"role": message.get("role", "assistant"), "content": content if content is not None else ""}
    plain.update({name: message[name] for name in ("tool_call_id", "name") if message.get(name)})
    if message.get("tool_calls"):
        plain["tool_calls"] = [_plain_call(call) for call in message["tool_calls"]]
    return plain


def _plain_call(call: Mapping[str, Any]) -> dict[str, Any]:
    """A tool call in the protocol's form, in which arguments are text."""
    function = call.get("function", call)
    arguments = as_text(function.get("arguments", {}))
    return {
        "id": call.get("id"),
        "type": "function",
        "function": {"name": function.get("name"), "arguments": arguments},
    }


def as_text(value: Any) -> str:
    """Text unchanged, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
