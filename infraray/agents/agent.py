"""Agents: they map an observation to an action."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeVar

import gymnasium
import numpy as np

from infraray.environment import Environment
from infraray.observation import Observation
from infraray.ownership import Origin, check_owner
from infraray.parameters import Parameters
from infraray.plugins import load_plugins
from infraray.registration import registered
from infraray.registry import unknown_name

if TYPE_CHECKING:
    from infraray.space import SearchSpace


@dataclass(frozen=True)
class Briefing:
    """The information that an agent gets before its first step.

    The task's seed is left out: with it, an agent could generate the task's future.

    Args:
        scenario: the scenario's name.
        task_description: the system and the aim in words.
        available_actions: the answers that are allowed.
        action_space: the Gymnasium space of native actions.
        parameters: the scenario's parameters.
        level: the difficulty.
        seed: seeds the agent's own random numbers; differs between agents and repetitions.
    """

    scenario: str
    task_description: str
    available_actions: str
    action_space: gymnasium.Space[Any]
    parameters: Parameters
    level: int
    seed: int

    @classmethod
    def of(cls, environment: Environment, seed: int) -> Briefing:
        """The briefing for an environment's tasks."""
        return cls(
            environment.scenario,
            environment.task_description,
            environment.available_actions,
            environment.action_space,
            environment.parameters,
            environment.level,
            seed,
        )


class Turn(NamedTuple):
    """An action, and what it cost to find.

    Args:
        action: native or text.
        input_tokens: tokens read, over all requests of the turn; None without a model.
        output_tokens: tokens generated; None without a model.
        extra: JSON-able facts stored with the step, such as the messages.
    """

    action: Any
    input_tokens: int | None = None
    output_tokens: int | None = None
    extra: Mapping[str, Any] | None = None


class Agent(ABC):
    """Anything that maps an observation to an action, native or text.

    ``act`` may be a coroutine function (``async def``). One worker then has many episodes in
    flight at once, each with an agent of its own.
    """

    search_space: ClassVar[SearchSpace | None] = None
    """Constructor options that ``infraray search`` may set, with their ranges; None if there are none."""

    def reset(self, briefing: Briefing) -> None:  # noqa: B027 (most agents keep no state)
        """Called before each episode's first observation; forgets the previous episode."""

    @abstractmethod
    def act(self, observation: Observation) -> Any:
        """Returns a native action, text that the environment parses, or a `Turn` that holds either."""

    def parts(self, environment: Environment) -> tuple[Any, ...]:
        """Classes, functions, and names of modules that decide its answers but that none of its imports leads to.

        Code that is looked up by name, such as a strategy, belongs here: it is part of an episode's identity.

        Args:
            environment: the one it will play in.
        """
        return ()

    def files(self) -> dict[str, str]:
        """Files that decide its answers, such as trained weights, as {path: SHA-256}; part of an episode's identity."""
        return {}

    def problem(self) -> str | None:
        """Why it cannot play, in one line that says what to do; None if it can. Asked before a run starts."""
        return None

    async def release(self) -> None:  # noqa: B027 (most agents borrow nothing)
        """Called after each episode of a conversational agent, even a failed one; gives back what it borrowed."""

    @property
    def is_conversational(self) -> bool:
        """Whether ``act`` is a coroutine function."""
        return inspect.iscoroutinefunction(self.act)


class ScriptedAgent(Agent):
    """A classical policy; options are the keyword arguments of its ``__init__``."""

    def reset(self, briefing: Briefing) -> None:
        """Stores the briefing and seeds the agent's own generator."""
        self.briefing = briefing
        self.random = np.random.default_rng(briefing.seed)


AgentClass = TypeVar("AgentClass", bound=type[Agent])

_agents: dict[tuple[str | None, str], type[Agent]] = {}


def register_agent(name: str, *, scenario: str | None = None) -> Callable[[AgentClass], AgentClass]:
    """Makes ``scripted:name`` mean the decorated class, for one scenario or, without one, for all.

    A scenario may have its own agent under a general name, such as a ``random`` that draws sensible
    actions; only the scenario's own file or package can register it.

    Raises:
        InfrarayError: the name is taken by other code (`infraray.ownership`).
    """

    def keep(agent_class: AgentClass) -> AgentClass:
        taken = _agents.get((scenario, name))
        if taken is not None:
            check_owner(f"agent scripted:{name}" + (f" of {scenario}" if scenario else ""), taken, agent_class)
        elif (None, name) in _agents and not _is_of_scenario(agent_class, scenario):
            check_owner(f"agent scripted:{name} of every scenario", _agents[None, name], agent_class)
        _agents[scenario, name] = agent_class
        return agent_class

    return keep


def _is_of_scenario(agent_class: type[Agent], scenario: str | None) -> bool:
    """Whether an agent comes from the same place as its scenario, which may not be registered yet."""
    owners = [found.entry_point for found in registered() if found.name == scenario]
    return all(Origin.of(owner).is_of_one_package(Origin.of(agent_class)) for owner in owners)


def registered_agents(scenario: str) -> dict[str, type[Agent]]:
    """The agents that can play a scenario, by name, including those of plugins; its own before the general ones."""
    load_plugins()
    return _agents_of(scenario)


def find_agent(name: str, scenario: str) -> type[Agent]:
    """The class that ``scripted:name`` means for a scenario.

    Raises:
        UnknownName: no such agent; the text lists the nearest names.
    """
    for look in (_agents_of, registered_agents):
        if name in (known := look(scenario)):
            return known[name]
    raise unknown_name(f"agent scripted:{name} for {scenario}", name, known)


def _agents_of(scenario: str) -> dict[str, type[Agent]]:
    """The agents registered so far for a scenario, its own before the general ones."""
    general = {name: found for (owner, name), found in _agents.items() if owner is None}
    own = {name: found for (owner, name), found in _agents.items() if owner == scenario}
    return dict(sorted({**general, **own}.items()))
