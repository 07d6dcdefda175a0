"""The register of scenarios: flat data under versioned ids, found by id or by short name."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gymnasium
from gymnasium.vector import AutoresetMode

from infraray.errors import InfrarayError, UnknownName
from infraray.ownership import Origin, check_owner, describe, file_being_imported

if TYPE_CHECKING:
    from infraray.environment import Environment
    from infraray.parameters import Parameters
    from infraray.space.values import Value

_ID = re.compile(r"(?P<namespace>[\w-]+)/(?P<class>[\w-]+)-v(?P<version>\d+)")

Traits = Callable[[Any, int, int], Mapping[str, "Value"]]
"""Tells a task's traits by name, from its parameters, its level and its seed."""


@dataclass(frozen=True)
class Registration:
    """One scenario at one version.

    Args:
        id: Gymnasium id, ``namespace/Name-v0``.
        name: the short name that YAML files and the command line use.
        version: the number in the id, raised when equal seeds no longer give equal tasks.
        entry_point: the `Environment` subclass, or ``module:Class``.
        vector_entry_point: the `gymnasium.vector.VectorEnv` that plays many tasks at once, if any.
        objective: the `infraray.tune.Objective` subclass that measures what a study of the scenario searches, or
            ``module:Class``; None if studies search the parameters of the agents that play it.
        baselines: the module whose import registers the scenario's scripted agents, if any.
        workspace: the `infraray.workspaces.Door` subclass that says what open-ended agents get, or ``module:Class``;
            None for the door of all scenarios, through which they give one answer after the other.
        traits: tells what a seed draws (see `traits_of`), or ``module:name``; None if nothing has a name.
        file: path of the user's file that registered it; None for installed packages.
    """

    id: str
    name: str
    version: int
    entry_point: str | type[Environment]
    vector_entry_point: str | Callable[..., gymnasium.vector.VectorEnv[Any, Any, Any]] | None
    objective: str | type[Any] | None
    baselines: str | None
    workspace: str | type[Any] | None
    traits: str | Traits | None
    file: str | None

    @property
    def names(self) -> tuple[str, str, str]:
        """What a person may call it."""
        return self.name, f"{self.name}-v{self.version}", self.id

    def environment_class(self) -> type[Environment]:
        """Imports and returns the environment's class."""
        if isinstance(self.entry_point, type):
            return self.entry_point
        found: type[Environment] = pkgutil.resolve_name(self.entry_point)
        return found

    def traits_of(self, parameters: Parameters, level: int, seed: int) -> Mapping[str, Value]:
        """What a task's seed has drawn that a person would name, such as a fault's family; told without playing it."""
        if self.traits is None:
            return {}
        tell: Traits = pkgutil.resolve_name(self.traits) if isinstance(self.traits, str) else self.traits
        return tell(parameters, level, seed)

    def import_baselines(self) -> None:
        """Imports the scenario's scripted agents, which registers them."""
        if self.baselines is not None:
            importlib.import_module(self.baselines)


_registrations: dict[str, Registration] = {}


def register(
    id: str,
    *,
    name: str,
    entry_point: str | type[Environment],
    vector_entry_point: str | Callable[..., gymnasium.vector.VectorEnv[Any, Any, Any]] | None = None,
    objective: str | type[Any] | None = None,
    baselines: str | None = None,
    workspace: str | type[Any] | None = None,
    traits: str | Traits | None = None,
) -> None:
    """Registers a scenario with infraray and its environment with Gymnasium.

    The same class may be registered again, so that a notebook cell can be run twice (`infraray.ownership`). Further
    versions of a scenario share its name and come from the same file or package.

    Raises:
        InfrarayError: the id is not of the form ``namespace/Name-v0``, or the id or name is taken by other code.
    """
    match = _ID.fullmatch(id)
    if match is None:
        raise InfrarayError(f"register: id={id!r}: must look like 'mine/Elevator-v0'")
    version = int(match["version"])
    _check_free(id, name, entry_point)
    _registrations[id] = Registration(
        id,
        name,
        version,
        entry_point,
        vector_entry_point,
        objective,
        baselines,
        workspace,
        traits,
        file_being_imported(),
    )
    gymnasium.registry.pop(id, None)
    gymnasium.register(id, entry_point=entry_point, vector_entry_point=vector_entry_point)


def _check_free(id: str, name: str, entry_point: str | type[Environment]) -> None:
    """Refuses an id or a name that other code has taken."""
    if id in _registrations:
        check_owner(f"scenario {id}", _registrations[id].entry_point, entry_point)
    elif id in gymnasium.registry:
        taken = gymnasium.registry[id].entry_point or "another package"
        raise InfrarayError(
            f"{id} is registered with Gymnasium already, by {taken if isinstance(taken, str) else describe(taken)}; "
            f"give {describe(entry_point)} another id"
        )
    for found in _registrations.values():
        is_taken = name in found.names and found.id != id
        if is_taken and not Origin.of(found.entry_point).is_of_one_package(Origin.of(entry_point)):
            check_owner(f"scenario {name}", found.entry_point, entry_point)


def registrations() -> list[Registration]:
    """All scenarios, including those of installed plugins, by name and version."""
    # Here and below: this module is imported wherever infraray is, and what they need takes its time.
    from infraray.plugins import load_plugins

    load_plugins()
    return registered()


def registered() -> list[Registration]:
    """The scenarios registered so far, by name and version."""
    return sorted(_registrations.values(), key=lambda found: (found.name, found.version))


def find(name: str) -> Registration:
    """Finds a scenario by id (``infraray/Caching-v0``), name (``caching``, the newest version) or ``caching-v0``.

    Raises:
        UnknownName: nothing is registered under that name; the text lists the nearest names.
    """
    from infraray.registry import unknown_name

    if not isinstance(name, str):
        raise UnknownName(f"scenario={name!r}: must be a name such as 'load_balance'")
    if name in _registrations:
        return _registrations[name]
    for look in (registered, registrations):
        matching = [found for found in look() if name in found.names]
        if matching:
            return matching[-1]
    raise unknown_name(f"scenario {name!r}", name, {found.name for found in registered()})


def make(name: str, **arguments: Any) -> Environment:
    """Makes an environment: ``infraray.make("load_balance", num_servers=3, text=False)``.

    Args:
        name: an id or a short name, see `find`.
        arguments: those of `Environment` and the scenario's parameters.

    Raises:
        UnknownName: no such scenario.
        InfrarayError: an argument is unknown or out of range.
    """
    found = find(name)
    environment = found.environment_class()(**arguments)
    spec = gymnasium.spec(found.id)
    environment.spec = dataclasses.replace(spec, kwargs=dict(arguments))
    return environment


def make_vector(
    name: str,
    num_envs: int,
    *,
    autoreset_mode: str | AutoresetMode = AutoresetMode.DISABLED,
    **arguments: Any,
) -> gymnasium.vector.VectorEnv[Any, Any, Any]:
    """Makes the scenario's vector environment, which plays ``num_envs`` tasks at once in NumPy.

    Args:
        name: an id or a short name, see `find`.
        num_envs: tasks played at once.
        autoreset_mode: what follows a task's end; see `VectorEnvironment`. Here each task is played once;
            `gymnasium.make_vec` makes the same environment for training, where the next step starts another.
        arguments: those of `Environment` and the scenario's parameters.

    Raises:
        UnknownName: no such scenario.
        InfrarayError: the scenario has none, or an argument is unknown or out of range.
    """
    found = find(name)
    if found.vector_entry_point is None:
        raise InfrarayError(f"{found.name}: has no vector environment; use infraray.make")
    return gymnasium.make_vec(
        found.id, num_envs, vectorization_mode="vector_entry_point", autoreset_mode=autoreset_mode, **arguments
    )
