"""Structured output: the server makes the answer follow a JSON schema.

Three ways are tried, each after the server refused the one before: ``response_format`` with the
schema, a forced call of one function with the schema as its parameters, and plain text. The schema
follows the example in the scenario's description of its actions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from gymnasium.spaces import Discrete

from infraray.agents.agent import Briefing
from infraray.agents.chat.dialogue import Dialogue
from infraray.agents.chat.failures import Unsupported
from infraray.agents.chat.strategies.strategy import Strategy

_FUNCTION = "act"


class Structured(Strategy):
    """Asks for JSON."""

    def instruction(self) -> str:
        """Asks for JSON and nothing else."""
        return "At each step you are told the state. Reply with your action as one JSON object and nothing else."

    async def decide(self, dialogue: Dialogue) -> str:
        """Uses the strictest format that the server supports."""
        for options in self._formats():
            try:
                completion = await dialogue.ask(**options)
            except Unsupported:
                self._refused.append(next(iter(options)))
                continue
            said = completion.called if completion.called is not None else completion.text
            if options and not completion.is_cut and not completion.refusal and not follows(said, self.schema):
                # The server accepted the format but did not keep to it: it will not report it for other answers either.
                self._refused.append(next(iter(options)))
                continue
            dialogue.answered(said)
            dialogue.left_out += self._refused
            return self.extract_cut(said) if completion.is_cut else said
        raise AssertionError("plain text is never refused as a format")

    def _formats(self) -> Iterator[dict[str, Any]]:
        schema = self.schema
        if "response_format" not in self._refused:
            described = {"name": _FUNCTION, "strict": True, "schema": schema}
            yield {"response_format": {"type": "json_schema", "json_schema": described}}
        if "tools" not in self._refused:
            function = {"name": _FUNCTION, "description": "Carry out your action.", "parameters": schema}
            choice = {"type": "function", "function": {"name": _FUNCTION}}
            yield {"tools": [{"type": "function", "function": function}], "tool_choice": choice}
        yield {}

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._refused: list[str] = []
        self.schema = action_schema(self.briefing)


def action_schema(briefing: Briefing) -> dict[str, Any]:
    """The JSON schema of an action: the keys and types of the example, the range of the action space."""
    example = next(_json_objects(briefing.available_actions), {"action": 0})
    space = briefing.action_space
    if not isinstance(space, Discrete):
        return _schema_like(example)
    schema = _schema_like(example)
    for part in schema["properties"].values():
        if part["type"] == "integer":
            part["enum" if space.n <= 64 else "maximum"] = (
                list(range(int(space.n))) if space.n <= 64 else int(space.n) - 1
            )
    return schema


def follows(said: str, schema: dict[str, Any]) -> bool:
    """Whether an answer is a JSON object with the keys of a schema, and no others."""
    try:
        found = json.loads(said)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and set(found) == set(schema["properties"])


def _json_objects(text: str) -> Iterator[dict[str, Any]]:
    decoder = json.JSONDecoder()
    for start in re.finditer(r"\{", text):
        try:
            found, _ = decoder.raw_decode(text, start.start())
        except ValueError:
            continue
        if found:
            yield found


def _schema_like(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"type": "boolean"}
    if isinstance(value, int):
        return {"type": "integer"}
    if isinstance(value, float):
        return {"type": "number"}
    if isinstance(value, str):
        return {"type": "string"}
    if isinstance(value, list):
        return {"type": "array", "items": _schema_like(value[0]) if value else {}}
    if isinstance(value, dict):
        properties = {name: _schema_like(part) for name, part in value.items()}
        return {
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        }
    return {}
