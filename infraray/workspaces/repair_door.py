"""The door of scenarios in which a system is repaired by commands: each call of a tool is a step."""

from __future__ import annotations

import json
import shlex
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from infraray.observation import Observation
from infraray.workspaces.door import Door


class RepairDoor(Door, ABC):
    """A tool that runs commands on the system, with the rules and the score of the step-by-step agents; and ``finish``.

    The system is not the sandbox's own: whatever runs in the sandbox reaches it by the tool alone.
    """

    done: ClassVar[str]
    """The command that ends the episode."""
    changing: ClassVar[str]
    """The line of an observation that begins what changes from step to step; what is before it, the mission has."""

    @abstractmethod
    def command(self, arguments: Sequence[str]) -> dict[str, str]:
        """The action that the tool's arguments make.

        Raises:
            InvalidAction: they make none; the text says what is needed.
        """

    def action(self, tool: str, arguments: Sequence[str]) -> str:
        """An action, as JSON."""
        return self.last_action() if tool == "finish" else json.dumps(self.command(arguments))

    def reply(self, observation: Observation) -> str:
        """The state without what the mission has."""
        text = str(observation["text_observation"])
        before, found, after = text.partition(self.changing)
        complaint = before.partition("\n\n")[0] + "\n\n" if before.startswith("Your last answer") else ""
        return f"{complaint}{found}{after}" if found else text

    def last_action(self) -> str:
        """Whatever was not repaired by now stays broken."""
        return json.dumps({"command": self.done})


def joined(words: Sequence[str]) -> str:
    """A command that was given as one argument, or as one for each of its words."""
    return words[0] if len(words) == 1 else shlex.join(words)
