"""Makes an agent from its class and the options of its spec, which are the arguments of its constructor."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from infraray.agents.agent import Agent
from infraray.errors import InfrarayError, did_you_mean
from infraray.user_code import describe_failure


def construct(whose: str, agent_class: Callable[..., Any], options: Mapping[str, Any]) -> Agent:
    """Makes an agent.

    Args:
        whose: the start of an error's line, such as ``agent scripted:random``.
        agent_class: its class.
        options: by name.

    Raises:
        InfrarayError: an option is unknown or refused, or the result is not an agent.
    """
    check_options(whose, options, agent_class)
    try:
        agent: Agent = agent_class(**options)
    except InfrarayError as error:
        raise InfrarayError(f"{whose}: {describe_failure(error)}") from None
    except (TypeError, ValueError) as error:
        raise InfrarayError(f"{whose}: its options were refused: {describe_failure(error, named=False)}") from error
    if not callable(getattr(agent, "act", None)):
        raise InfrarayError(f"{whose}: has no method act(observation)")
    return agent


def check_options(whose: str, options: Mapping[str, Any], agent_class: Callable[..., Any] | None) -> None:
    """Refuses options that a constructor does not take; all of them if there is no class.

    Raises:
        InfrarayError: an option is unknown; the text lists the nearest ones.
    """
    parameters = () if agent_class is None else inspect.signature(agent_class).parameters.values()
    known = [found.name for found in parameters if found.kind in (found.POSITIONAL_OR_KEYWORD, found.KEYWORD_ONLY)]
    for name in options:
        if name not in known:
            raise InfrarayError(f"{whose}: unknown option {name}; {did_you_mean(name, known)}")
