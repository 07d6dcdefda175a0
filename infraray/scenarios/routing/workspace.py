"""The workspace of routing: a shell, and a tool that runs commands on the machines of the network."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import ClassVar

from infraray.errors import InvalidAction
from infraray.observation import Observation
from infraray.scenarios.routing.actions import DONE
from infraray.workspaces.door import Door


class RoutingDoor(Door):
    """``on MACHINE COMMAND`` is an action of the step-by-step agents, with the same rules and the same score.

    The network is not the sandbox's own: whatever runs in the sandbox reaches it by this tool alone.
    """

    tools: ClassVar[Mapping[str, str]] = {
        "on": "`on MACHINE COMMAND...` runs a command on a machine of the network, as in `on r0 ip route`, and prints "
        "its output and who reaches whom after it; this is the only way to the network",
        "finish": "`finish` ends the work on the network; do so when nothing is left to repair",
    }

    def mission(self, observation: Observation) -> str:
        """The task, with the tool instead of the form of answers."""
        return (
            f"{observation['task_description']}\n\n"
            "Each command that you run on a machine counts, with the tool `on` below. What you do in your own sandbox "
            f"does not.\n\n{observation['available_actions']}\n"
            "Where this asks for an answer as JSON, give the machine and the command to the tool `on`; run `finish` "
            'instead of "done".\n\n'
            f"This is the state now:\n\n{observation['text_observation']}"
        )

    def action(self, tool: str, arguments: Sequence[str]) -> str:
        """A machine and a command, as JSON."""
        if tool == "finish":
            return json.dumps({"command": DONE})
        if len(arguments) < 2:
            raise InvalidAction("a machine and a command are needed")
        machine, *words = arguments
        command = words[0] if len(words) == 1 else shlex.join(words)
        return json.dumps({"machine": machine, "command": command})

    def reply(self, observation: Observation) -> str:
        """The state without the plan of the network, which the mission has."""
        text = str(observation["text_observation"])
        before, found, after = text.partition("Who reaches whom:")
        complaint = before.partition("\n\n")[0] + "\n\n" if before.startswith("Your last answer") else ""
        return f"{complaint}{found}{after}" if found else text

    def last_action(self) -> str:
        """Whatever was not repaired by now stays broken."""
        return json.dumps({"command": DONE})
