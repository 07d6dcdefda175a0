"""Actions: a command, as a space and in written form."""

from __future__ import annotations

from typing import Any

from gymnasium import spaces

from infraray.answers import Record, Text
from infraray.environment import TEXT_CHARACTERS
from infraray.scenarios.kubernetes_policy.site import Site

DONE = "done"
"""The command that ends the episode; a reserved word of the shell, so not a real command."""

MAX_COMMAND_CHARACTERS = 8000
SAMPLE = "kubectl get networkpolicies -A -o name"
SPECIFICATIONS = """'{range .items[*]}{.metadata.name}{" "}{.spec}{"\\n"}{end}'"""
"""The template of jsonpath that shows each policy in a line."""


class Commands(spaces.Dict):
    """``command``: any printable text except blanks.

    Samples are commands that make sense: looks, and changes to policies, for better or worse. Random characters would
    say nothing about chance in this scenario.
    """

    def __init__(self) -> None:
        super().__init__({"command": spaces.Text(MAX_COMMAND_CHARACTERS, min_length=1, charset=TEXT_CHARACTERS)})
        self.sensible = [SAMPLE]

    def suit(self, site: Site) -> None:
        """Makes samples use the task's own names."""
        self.sensible = _sensible_commands(site)

    def sample(self, *_: Any, **__: Any) -> dict[str, Any]:
        """Draws one of the sensible commands."""
        return {"command": self.sensible[int(self.np_random.integers(len(self.sensible)))]}

    def contains(self, x: Any) -> bool:
        """Whether ``x`` has a command that is not blank."""
        return bool(super().contains(x)) and bool(x["command"].strip())


class CommandForm(Record):
    """``{"command": "kubectl get networkpolicies"}``, or the word `DONE`."""

    @classmethod
    def make(cls) -> CommandForm:
        """The form."""
        command = Text("command", MAX_COMMAND_CHARACTERS, TEXT_CHARACTERS, sample=SAMPLE)
        return cls((command,), words={DONE: {"command": DONE}})


def _sensible_commands(site: Site) -> list[str]:
    """Looks whose outputs have no times and no random names, so that equal episodes are equal, and changes."""
    application = site.application
    found = [SAMPLE, "kubectl get services -A -o name", "kubectl get deployments -A -o name"]
    for namespace in application.namespaces:
        found.append(f"kubectl get networkpolicies -n {namespace} -o jsonpath={SPECIFICATIONS}")
    # Names from the task's text alone: what policies are called is for an agent to find out.
    for workload in application.members:
        patch = '[{"op": "remove", "path": "/spec/ingress"}]'
        found += [
            f"kubectl delete networkpolicy {workload.name} -n {workload.namespace}",
            f"kubectl patch networkpolicy {workload.name} -n {workload.namespace} --type=json -p '{patch}'",
        ]
    return found
