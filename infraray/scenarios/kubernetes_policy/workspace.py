"""The workspace of kubernetes_policy: a shell, and a tool that runs commands on the cluster."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import ClassVar

from infraray.errors import InvalidAction
from infraray.observation import Observation
from infraray.scenarios.kubernetes_policy.actions import DONE
from infraray.scenarios.kubernetes_policy.words import ATTEMPTS
from infraray.workspaces.door import Door


class KubernetesPolicyDoor(Door):
    """``run COMMAND`` is an action of the step-by-step agents, with the same rules and the same score.

    The cluster is not the sandbox's own: whatever runs in the sandbox reaches it by this tool alone.
    """

    tools: ClassVar[Mapping[str, str]] = {
        "run": "`run COMMAND...` runs a command on the cluster, as in `run kubectl get pods -A`, and prints its output "
        "and the attempts that do not end as intended after it; this is the only way to the cluster. A command with a "
        'here-document is one argument: write it to a file, and `run "$(cat FILE)"`',
        "finish": "`finish` ends the work on the cluster; do so when nothing is left to repair",
    }

    def mission(self, observation: Observation) -> str:
        """The task, with the tool instead of the form of answers."""
        return (
            f"{observation['task_description']}\n\n"
            "Each command that you run on the cluster counts, with the tool `run` below. What you do in your own "
            "sandbox does not: a kubectl there has no cluster, and the cluster does not see its files.\n\n"
            f"{observation['available_actions']}\n"
            'Where this asks for an answer as JSON, give the command to the tool `run`; run `finish` instead of "done".'
            f"\n\nThis is the state now:\n\n{observation['text_observation']}"
        )

    def action(self, tool: str, arguments: Sequence[str]) -> str:
        """A command, as JSON."""
        if tool == "finish":
            return json.dumps({"command": DONE})
        if not arguments:
            raise InvalidAction("a command is needed")
        return json.dumps({"command": arguments[0] if len(arguments) == 1 else shlex.join(arguments)})

    def reply(self, observation: Observation) -> str:
        """The state without the application, which the mission has."""
        text = str(observation["text_observation"])
        before, found, after = text.partition(ATTEMPTS)
        complaint = before.partition("\n\n")[0] + "\n\n" if before.startswith("Your last answer") else ""
        return f"{complaint}{found}{after}" if found else text

    def last_action(self) -> str:
        """Whatever was not repaired by now stays broken."""
        return json.dumps({"command": DONE})
