"""The workspace of routing: a shell, and a tool that runs commands on the machines of the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from infraray.errors import InvalidAction
from infraray.observation import Observation
from infraray.scenarios.routing.actions import DONE
from infraray.scenarios.routing.words import REACHING
from infraray.workspaces.repair_door import RepairDoor, joined


class RoutingDoor(RepairDoor):
    """``on MACHINE COMMAND`` is an action."""

    done = DONE
    changing = REACHING
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

    def command(self, arguments: Sequence[str]) -> dict[str, str]:
        """A machine and a command."""
        if len(arguments) < 2:
            raise InvalidAction("a machine and a command are needed")
        machine, *words = arguments
        return {"machine": machine, "command": joined(words)}
