"""The best that is possible without looking: writes every policy that the text calls for, in one command.

Where policies are plain, that replaces all of them and leaves only a policy too many. Where they are varied, their
names are unknown, so it adds its own beside them: what was lost is permitted again, but what was opened stays open.
Clearing all policies first would harm those that the text does not list.
"""

from __future__ import annotations

import json
from typing import Any

import yaml

from infraray.agents.agent import Briefing, ScriptedAgent, register_agent
from infraray.errors import InfrarayError
from infraray.observation import Observation
from infraray.scenarios.kubernetes_policy.actions import DONE
from infraray.scenarios.kubernetes_policy.parameters import KubernetesPolicyParameters
from infraray.scenarios.kubernetes_policy.site import Application
from infraray.scenarios.kubernetes_policy.site.policies import plain_policies
from infraray.scenarios.kubernetes_policy.words import application_shown

PREFIX = "intended-"
MAX_DOCUMENT_CHARACTERS = 7000


@register_agent("constant", scenario="kubernetes_policy")
class Constant(ScriptedAgent):
    """Writes what the text tells and stops."""

    def reset(self, briefing: Briefing) -> None:
        """Starts again from the beginning."""
        super().reset(briefing)
        assert isinstance(briefing.parameters, KubernetesPolicyParameters)
        self.prefix = "" if briefing.parameters.policies == "plain" else PREFIX
        self.left: list[str] | None = None

    def act(self, observation: Observation) -> str:
        """Answers with JSON; reads the application in the first observation's text."""
        if "text_observation" not in observation:
            raise InfrarayError("scripted:constant reads what is intended; it cannot play with text=False")
        if self.left is None:
            self.left = commands(application_shown(observation["text_observation"]), self.prefix)
        return say(self.left.pop(0) if self.left else DONE)


def commands(application: Application, prefix: str) -> list[str]:
    """The commands that apply every policy that is called for, as few as fit into an answer each."""
    documents: list[str] = [""]
    for policy in plain_policies(application):
        policy["metadata"]["name"] = prefix + policy["metadata"]["name"]
        document = f"---\n{yaml.safe_dump(_without_aliases(policy))}"
        if len(documents[-1]) + len(document) > MAX_DOCUMENT_CHARACTERS:
            documents.append("")
        documents[-1] += document
    return [f"kubectl apply -f - <<'EOF'\n{document}EOF" for document in documents]


def say(command: str) -> str:
    """An answer."""
    return json.dumps({"command": command})


def _without_aliases(value: Any) -> Any:
    return json.loads(json.dumps(value))
