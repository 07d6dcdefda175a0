"""The identity of an episode: its entry, its seed and its repetition, by the hash of their content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

from infraray.agents import Agent, parse_agent
from infraray.agents.random import Random
from infraray.code_identity import code_sha256
from infraray.environment import Environment
from infraray.errors import without_secrets
from infraray.parameters import file_sha256
from infraray.registration import find

RULES_VERSION = 1
"""Raised when `infraray.episodes` would record or score the same answers on the same task differently.

It stands for that code in an episode's identity: the way episodes are retried and passed around changes more often
than their verdicts do.
"""


@dataclass(frozen=True)
class Entry:
    """One agent entered in one scenario: all that its episodes have in common.

    Args:
        scenario: the registered id, which includes the version.
        parameters: the scenario's parameters as plain data, defaults filled in.
        options: the environment's options (see `Environment.options`).
        level: the difficulty.
        agent: the agent's spec.
        files: the user's files that the entry depends on, as {path: SHA-256}.
        label: the run's name for the scenario with these parameters; not part of the identity.
        conversational: whether the agent's ``act`` is a coroutine function; not part of the identity.
        engine: the identity of the engine that serves the agent's model; None for an agent without one.
        code: hashes of the code of ``scenario`` and ``agent``, see `infraray.code_identity`.
    """

    scenario: str
    parameters: Mapping[str, Any]
    options: Mapping[str, Any]
    level: int
    agent: str
    files: Mapping[str, str]
    label: str = field(compare=False)
    conversational: bool = field(default=False, compare=False)
    engine: Mapping[str, Any] | None = None
    code: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        environment: Environment,
        scenario: str,
        agent: str,
        made: Agent,
        files: Mapping[str, str],
        label: str,
        engine: Mapping[str, Any] | None = None,
    ) -> Entry:
        """The entry of an agent that will play in an environment.

        Args:
            environment: made with the entry's parameters.
            scenario: see above.
            agent: see above.
            made: the agent.
            files: those of `task_files`; the agent's are added.
            label: see above.
            engine: see above.
        """
        entry = cls.vacant(environment, scenario, label)
        entry = entry.played_by(agent, {**files, **parse_agent(agent).files(), **made.files()})
        code = {"scenario": scenario_code(environment), "agent": agent_code(environment, agent, made)}
        return replace(entry, conversational=made.is_conversational, engine=engine, code=code)

    @classmethod
    def vacant(cls, environment: Environment, scenario: str, label: str) -> Entry:
        """An environment's tasks that nobody plays yet, see `played_by`; arguments as for `of`."""
        parameters = environment.parameters.model_dump(mode="json")
        return cls(scenario, parameters, environment.options(), environment.level, "", {}, label)

    def played_by(
        self, agent: str, files: Mapping[str, str] | None = None, options: Mapping[str, Any] | None = None
    ) -> Entry:
        """The same tasks for another agent, of whose code nothing is known.

        Args:
            agent: see above.
            files: see above; none by default.
            options: of the environment that differ.
        """
        changed = {**self.options, **(options or {})}
        nothing_known: dict[str, Any] = {"conversational": False, "engine": None, "code": {}}
        return replace(self, agent=agent, files=files or {}, options=changed, **nothing_known)

    @property
    def who(self) -> tuple[str, str]:
        """(label, agent): a cell of the leaderboard."""
        return self.label, self.agent

    @cached_property
    def canonical(self) -> str:
        """The identity as canonical JSON: keys sorted, no blanks."""
        identity = {**asdict(self), "parameters": self.shown_parameters, "rules": RULES_VERSION}
        del identity["label"], identity["conversational"]
        if self.engine is None:
            del identity["engine"]
        return json.dumps(identity, sort_keys=True, separators=(",", ":"))

    @cached_property
    def shown_parameters(self) -> dict[str, Any]:
        """The parameters, safe to write down: without an engine's tokens and passwords."""
        shown: dict[str, Any] = without_secrets(dict(self.parameters))
        return shown

    @cached_property
    def task_key(self) -> str:
        """Equal for entries whose equal seeds are equal tasks."""
        return json.dumps([self.scenario, self.parameters, self.options, self.level], sort_keys=True)

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 of the canonical JSON."""
        return hashlib.sha256(self.canonical.encode()).digest()

    def make_environment(self) -> Environment:
        """The environment that plays this entry's tasks."""
        environment_class = find(self.scenario).environment_class()
        return environment_class(**self.parameters, **self.options, level=self.level)


def task_files(environment: Environment, scenario: str, imported: Mapping[str, str]) -> dict[str, str]:
    """The user's files on which an environment's tasks depend, as {path: SHA-256}.

    Args:
        environment: made with the tasks' parameters.
        scenario: its registered id.
        imported: the files that the run or the study imports, which may register anything.
    """
    owner = find(scenario).file
    return {**environment.parameters.files(), **imported, **({} if owner is None else {owner: file_sha256(owner)})}


def scenario_code(environment: Environment) -> str:
    """SHA-256 of a scenario's own code, which makes the tasks and judges the answers.

    The floor is stored with each episode; if it is the random agent's score, that agent is included, too.
    """
    random = () if type(environment).floor is not Environment.floor else (Random,)
    return code_sha256(type(environment), *environment.parts(), *random)


def agent_code(environment: Environment, agent: str, made: Agent) -> str:
    """SHA-256 of an agent's own code, for the environment in which it will play."""
    module = parse_agent(agent).module
    return code_sha256(type(made), *made.parts(environment), *(() if module is None else (module,)))


def episode_id(digest: bytes, seed: int, repetition: int) -> bytes:
    """16 bytes that identify an episode by its content; ``digest`` is its entry's."""
    return hashlib.sha256(b"%s,%d,%d" % (digest, seed, repetition)).digest()[:16]


@dataclass(frozen=True)
class EpisodeSpec:
    """One agent on one task, once."""

    entry: Entry
    seed: int
    repetition: int

    @cached_property
    def id(self) -> bytes:
        """16 bytes that identify the episode by its content."""
        return episode_id(self.entry.digest, self.seed, self.repetition)

    @property
    def agent_seed(self) -> int:
        """The seed of the agent's own random numbers."""
        return int.from_bytes(self.id[:8])
