"""Reading a command from what an agent wrote."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from infraray.environment import TEXT_CHARACTERS
from infraray.errors import InvalidAction, did_you_mean

DONE = "done"
"""The command that ends the episode; a reserved word of the shell, so no command of its own."""

MAX_COMMAND_CHARACTERS = 4000
READ_CHARACTERS = 20_000
"""Characters of an answer's end that are read: a model that reasons first ends with its command."""

_DONE = re.compile(rf"[\s\"'`*]*{DONE}[\s\"'`*.!]*", re.IGNORECASE)


def parse_command(text: str, machines: Sequence[str]) -> dict[str, Any]:
    """Reads ``{"machine": "r0", "command": "ip route"}``, also inside a longer answer; the last one counts.

    Returns:
        The native action: ``machine`` is the position in ``machines``. The bare word ``done`` is
        `DONE` on the last machine.

    Raises:
        InvalidAction: one line with the reason and what would be valid.
    """
    wanted = json.dumps({"machine": machines[-1], "command": "ip route"})
    if _DONE.fullmatch(text[-READ_CHARACTERS:]):
        return {"machine": len(machines) - 1, "command": DONE}
    found = next(_objects_with_command(text[-READ_CHARACTERS:]), None)
    if found is None:
        raise InvalidAction(f"no command found; answer with JSON such as {wanted}")
    command, machine = found["command"], found.get("machine")
    if not isinstance(command, str) or not command.strip():
        raise InvalidAction(f"the command is not a text; answer with JSON such as {wanted}")
    if len(command) > MAX_COMMAND_CHARACTERS:
        raise InvalidAction(f"the command has {len(command)} characters; at most {MAX_COMMAND_CHARACTERS} are allowed")
    if not set(command) <= set(TEXT_CHARACTERS):
        raise InvalidAction("the command holds characters that are not printable ASCII; write it with ASCII alone")
    if machine is None and command.strip() == DONE:
        machine = machines[-1]
    if machine is None:
        raise InvalidAction(f"no machine is named; answer with JSON such as {wanted}")
    if machine not in machines:
        raise InvalidAction(f"no machine {str(machine)[:40]!r}; {did_you_mean(str(machine)[:40], machines)}")
    return {"machine": list(machines).index(machine), "command": command}


def _objects_with_command(text: str) -> Iterator[dict[str, Any]]:
    """The JSON objects that have a command, the last one first."""
    decoder = json.JSONDecoder(strict=False)  # models break lines inside a text
    start = text.rfind("{")
    while start >= 0:
        try:
            found, _ = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            found = None
        if isinstance(found, dict) and "command" in found:
            yield found
        start = text.rfind("{", 0, start)
