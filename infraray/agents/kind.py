"""Kinds of agents: the word before a spec's first colon, as flat data by name."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from infraray.agents.agent import Agent
from infraray.errors import InfrarayError
from infraray.registry import Registry

if TYPE_CHECKING:
    from infraray.agents.chat.endpoints import ServedModel

_NAME = re.compile(r"[a-z][a-z0-9_-]*")


class AgentKind(ABC):
    """A kind, which finds and makes its agents: ``name:target?option=value``.

    Args:
        name: the word for it in specs.
    """

    package: ClassVar[str] = ""
    """Distribution that agents of the kind need and infraray does not install; empty if there is none."""
    install: ClassVar[str] = ""
    """The command that installs it."""
    asks_a_model: ClassVar[bool] = False
    """Whether its agents are chat agents, whose options (`ChatOptions`) name prices and a concurrency."""
    needs_engine: ClassVar[bool] = False
    """Whether the target names an engine, which a run starts before its agents play."""

    def __init__(self, name: str) -> None:
        self.name = name

    @abstractmethod
    def make(self, target: str, options: Mapping[str, Any], scenario: str, engines: Mapping[str, ServedModel]) -> Agent:
        """Makes the agent that a spec names.

        Args:
            target: the text between the kind and the options.
            options: by name, with values as YAML reads them.
            scenario: the id or name of the scenario that it plays.
            engines: what the run's engines serve, by name.

        Raises:
            UnknownName: no such agent; the text lists the nearest names.
            InfrarayError: one line for everything that is wrong.
        """

    def targets(self, scenario: str) -> list[str]:
        """The targets that ``name:*`` stands for in a scenario; empty if they cannot be listed."""
        return []

    def module(self, target: str) -> str | None:
        """The module that an agent comes from, if it decides the answers; None if the agent comes from elsewhere."""
        return None

    def files(self, target: str) -> dict[str, str]:
        """The user's files that an agent comes from, as {path: SHA-256}; part of an episode's identity."""
        return {}

    def provider(self, target: str) -> str | None:
        """The provider of an agent's model, in OpenTelemetry's terms (``gen_ai.provider.name``), or None."""
        return None


kinds: Registry[type[AgentKind]] = Registry("kind of agents")


def register_agent_kind(name: str, entry_point: str | type[AgentKind]) -> None:
    """Makes ``name:...`` mean agents of a kind.

    Args:
        name: small letters, digits, ``_`` and ``-``.
        entry_point: the `AgentKind` subclass, or ``module:Class``, which is imported when a spec names the kind.

    Raises:
        InfrarayError: the name is malformed, or is taken by other code (`infraray.ownership`).
    """
    if not _NAME.fullmatch(name):
        raise InfrarayError(f"register_agent_kind: name={name!r}: must have small letters, digits, '_' and '-'")
    kinds.register(name, entry_point)


def agent_kinds() -> list[str]:
    """The kinds by name, ours first, including those of installed plugins."""
    return list(kinds)


def find_agent_kind(name: str) -> AgentKind:
    """The kind with a name.

    Raises:
        UnknownName: no such kind; the text lists the nearest names.
    """
    return kinds[name](name)
