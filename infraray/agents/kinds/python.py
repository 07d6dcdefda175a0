"""``python:mine.py:Name``: a user's `Agent` subclass, or any function from an observation to an action."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from infraray.agents.agent import Agent
from infraray.agents.construction import check_options, construct
from infraray.agents.kinds.imported import ImportedKind
from infraray.environment import Environment
from infraray.errors import InfrarayError
from infraray.observation import Observation

if TYPE_CHECKING:
    from infraray.agents.chat.endpoints import ServedModel


class Python(ImportedKind):
    """Classes and functions."""

    def make(self, target: str, options: Mapping[str, Any], scenario: str, engines: Mapping[str, ServedModel]) -> Agent:
        """Instantiates the class with the options; a function takes none."""
        whose = f"agent {self.name}:{target}"
        found = self.find(target)
        if not callable(found):
            raise InfrarayError(f"{whose}: is neither a class nor a function")
        if isinstance(found, type):
            return construct(whose, found, options)
        check_options(whose, options, None)
        return FunctionAgent(found)


class FunctionAgent(Agent):
    """A plain function, or a coroutine function, as an agent."""

    def __init__(self, function: Callable[[Observation], Any]) -> None:
        self.function = function

    def act(self, observation: Observation) -> Any:
        """Calls the function."""
        return self.function(observation)

    def parts(self, environment: Environment) -> tuple[Any, ...]:
        """The function."""
        return (self.function,)

    @property
    def is_conversational(self) -> bool:
        """Whether it is a coroutine function."""
        return inspect.iscoroutinefunction(self.function)
