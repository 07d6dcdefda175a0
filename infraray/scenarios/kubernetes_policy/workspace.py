"""The workspace of kubernetes_policy: a shell, and a tool that runs commands on the cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from infraray.errors import InvalidAction
from infraray.observation import Observation
from infraray.scenarios.kubernetes_policy.actions import DONE
from infraray.scenarios.kubernetes_policy.words import ATTEMPTS
from infraray.workspaces.repair_door import RepairDoor, joined


class KubernetesPolicyDoor(RepairDoor):
    """``run COMMAND`` is an action."""

    done = DONE
    changing = ATTEMPTS
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

    def command(self, arguments: Sequence[str]) -> dict[str, str]:
        """A command."""
        if not arguments:
            raise InvalidAction("a command is needed")
        return {"command": joined(arguments)}
