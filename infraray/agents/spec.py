"""Agent specs: one short string that a YAML file and the command line share.

``kind:target?option=value&option=value``, such as ``scripted:join_shortest_queue``,
``chat:MODEL@BASE_URL?strategy=react`` or ``python:path/to/file.py:Name``. Each kind and its targets are
described in its file in `infraray.agents.kinds`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import yaml

from infraray.agents.agent import Agent
from infraray.agents.kind import find_agent_kind, kinds
from infraray.errors import InfrarayError, did_you_mean
from infraray.user_code import guarded

if TYPE_CHECKING:
    from infraray.agents.chat.endpoints import ServedModel


@dataclass(frozen=True)
class AgentSpec:
    """A parsed spec. ``options`` are (name, value) pairs, the values as YAML would read them."""

    kind: str
    target: str
    options: tuple[tuple[str, Any], ...] = ()

    @property
    def module(self) -> str | None:
        """The module that the agent comes from; None if it comes from a file or elsewhere."""
        return find_agent_kind(self.kind).module(self.target)

    def files(self) -> dict[str, str]:
        """The user's file that the agent comes from, as {path: SHA-256}; empty for installed ones."""
        return find_agent_kind(self.kind).files(self.target)


def parse_agent(text: str) -> AgentSpec:
    """Reads a spec.

    Raises:
        InfrarayError: one line with what is wrong and an example.
    """
    if not isinstance(text, str):
        raise InfrarayError(f"agent={text!r}: must be a spec such as 'scripted:random'")
    kind, colon, rest = text.partition(":")
    if not colon:
        raise InfrarayError(
            f"agent={text!r}: must start with one of {', '.join(f'{name}:' for name in kinds)} as in 'scripted:random'"
        )
    if kind not in kinds:
        raise InfrarayError(f"agent={text!r}: no kind of agent is called {kind!r}; {did_you_mean(kind, kinds)}")
    target, _, query = rest.partition("?")
    if not target:
        raise InfrarayError(f"agent={text!r}: nothing after '{kind}:'; write for example 'scripted:random'")
    options: list[tuple[str, Any]] = []
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name in dict(options):
            raise InfrarayError(f"agent={text!r}: option {name} is given twice; give it once")
        try:
            options.append((name, yaml.safe_load(value)))
        except (yaml.YAMLError, ValueError):  # what looks like a date but is not one raises ValueError
            raise InfrarayError(f"agent={text!r}: option {name}={value!r} is not a YAML value") from None
    return AgentSpec(kind, target, tuple(sorted(options)))


def load_agent(spec: AgentSpec | str, scenario: str, engines: Mapping[str, ServedModel] | None = None) -> Agent:
    """Makes the agent that a spec names.

    Args:
        spec: its spec.
        scenario: the name of the scenario that it plays.
        engines: what the run's engines serve, by name.

    Raises:
        UnknownName: no such agent; the text lists the nearest names.
        InfrarayError: an option is unknown, or the user's module does not import.
    """
    if isinstance(spec, str):
        spec = parse_agent(spec)
    with guarded(f"agent {spec.kind}:{spec.target}"):
        return find_agent_kind(spec.kind).make(spec.target, dict(spec.options), scenario, engines or {})
