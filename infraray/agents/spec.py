"""Agent specs: one short string that a YAML file and the command line share.

``kind:target?option=value&option=value``. Kinds:

- ``scripted:join_shortest_queue``: an agent registered for the scenario, by name;
- ``chat:MODEL@BASE_URL``: a language model behind an OpenAI-compatible server;
- ``engine:NAME``: one that an engine of the run's ``engines`` serves, or ``engine:vllm:/path/to/model``;
- ``graph:package.module:graph`` or ``graph:path/to/file.py:graph``: a compiled LangGraph graph;
- ``python:package.module:Name`` or ``python:path/to/file.py:Name``: a user's `Agent` subclass, or
  any function from an observation to an action.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import yaml

from infraray.agents.agent import Agent, agent_options, registered_agents
from infraray.environment import Environment
from infraray.errors import InfrarayError, UnknownName, did_you_mean
from infraray.observation import Observation
from infraray.parameters import file_sha256
from infraray.registration import find, importing_file
from infraray.user_code import describe_failure, guarded

if TYPE_CHECKING:
    from infraray.agents.chat import ServedModel

KINDS = ("scripted", "chat", "engine", "python", "graph")

_files: dict[str, ModuleType] = {}


@dataclass(frozen=True)
class AgentSpec:
    """A parsed spec. ``options`` are (name, value) pairs, the values as YAML would read them."""

    kind: str
    target: str
    options: tuple[tuple[str, Any], ...] = ()

    @property
    def module(self) -> str | None:
        """The module that the agent comes from; None where it comes from a file or by another way."""
        name, _, _ = self.target.rpartition(":")
        return name if self.kind in ("python", "graph") and not name.endswith(".py") else None

    def files(self) -> dict[str, str]:
        """The user's file that the agent comes from, as {path: SHA-256}; empty for installed ones."""
        path, _, _ = self.target.rpartition(":")
        return {path: file_sha256(path)} if path.endswith(".py") else {}


def parse_agent(text: str) -> AgentSpec:
    """Reads a spec.

    Raises:
        InfrarayError: one line with what is wrong and an example.
    """
    if not isinstance(text, str):
        raise InfrarayError(f"agent={text!r}: must be a spec such as 'scripted:random'")
    kind, colon, rest = text.partition(":")
    if not colon or kind not in KINDS:
        raise InfrarayError(
            f"agent={text!r}: must start with one of {', '.join(f'{k}:' for k in KINDS)} as in 'scripted:random'"
        )
    target, _, query = rest.partition("?")
    if not target:
        raise InfrarayError(f"agent={text!r}: nothing after '{kind}:'; write for example 'scripted:random'")
    options: list[tuple[str, Any]] = []
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name in dict(options):
            raise InfrarayError(f"agent={text!r}: option {name} is given twice; give it once")
        try:
            options.append((name, yaml.safe_load(value)))
        except (yaml.YAMLError, ValueError):  # what looks like a date and is none is a ValueError
            raise InfrarayError(f"agent={text!r}: option {name}={value!r} is not a YAML value") from None
    return AgentSpec(kind, target, tuple(sorted(options)))


def load_agent(spec: AgentSpec | str, scenario: str, engines: Mapping[str, ServedModel] | None = None) -> Agent:
    """Makes the agent that a spec names.

    Args:
        spec: its spec.
        scenario: the name of the scenario that it plays.
        engines: what the run's engines serve, by name.

    Raises:
        UnknownName: no such agent; the nearest names are told.
        InfrarayError: an option is unknown, or the user's module does not import.
    """
    if isinstance(spec, str):
        spec = parse_agent(spec)
    if spec.kind == "graph":
        return _graph(spec)
    if spec.kind in ("chat", "engine"):
        return _chat(spec, engines or {})
    found = _scripted(spec.target, scenario) if spec.kind == "scripted" else _callable(spec)
    whose = f"agent {spec.kind}:{spec.target}"
    with guarded(whose):
        takes_options = isinstance(found, type)
        known = agent_options(found) if takes_options else {}
        for name, _ in spec.options:
            if name not in known:
                raise InfrarayError(f"{whose}: unknown option {name}; {did_you_mean(name, known)}")
        if not takes_options:
            return _Function(found)
        try:
            agent = found(**dict(spec.options))
        except InfrarayError as error:
            raise InfrarayError(f"{whose}: {describe_failure(error)}") from None
        except (TypeError, ValueError) as error:
            raise InfrarayError(f"{whose}: its options were refused: {describe_failure(error, named=False)}") from error
        if not callable(getattr(agent, "act", None)):
            raise InfrarayError(f"{whose}: has no method act(observation)")
    result: Agent = agent
    return result


def load_file(path: str, source: bytes | None = None) -> ModuleType:
    """Imports a user's Python file once, under a module name made from its path.

    Args:
        path: the file.
        source: its content, where this machine may not have the file; Python itself finds its encoding.

    Raises:
        InfrarayError: the file is missing or its import fails.
    """
    if path in _files:
        return _files[path]
    if source is None:
        source = read_source(path)
    module = ModuleType(_module_name(path))
    module.__file__ = path
    sys.modules[module.__name__] = module
    with importing_file(path), guarded(f"{path}: its import fails"):
        exec(compile(source, path, "exec"), module.__dict__)
    _files[path] = module
    return module


def _module_name(path: str) -> str:
    # Files of one name in two folders are two modules: by its module the code of an agent is found, and pickled.
    return f"infraray_user_{Path(path).stem}_{hashlib.sha256(path.encode()).hexdigest()[:8]}"


def read_source(path: str) -> bytes:
    """The content of a user's Python file.

    Raises:
        InfrarayError: it cannot be read.
    """
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:
        raise InfrarayError(f"{path}: cannot be read ({error})") from None


def _scripted(name: str, scenario: str) -> type[Agent]:
    registration = find(scenario)
    with guarded(f"scenario {registration.name}"):
        registration.import_baselines()
    known = registered_agents(registration.name)
    if name not in known:
        raise UnknownName(f"unknown agent scripted:{name} for {registration.name}; {did_you_mean(name, known)}")
    return known[name]


def _graph(spec: AgentSpec) -> Agent:
    from infraray.agents.graph import GraphAgent

    if spec.options:
        raise InfrarayError(f"agent graph:{spec.target}: takes no options; set them in the graph")
    graph = _imported(spec)
    with guarded(f"agent graph:{spec.target}"):
        try:
            return GraphAgent(graph)
        except InfrarayError as error:
            raise InfrarayError(f"agent graph:{spec.target}: {describe_failure(error)}") from None


def _chat(spec: AgentSpec, engines: Mapping[str, ServedModel]) -> Agent:
    from infraray.agents.chat import make_chat_agent, make_engine_agent

    if spec.kind == "chat":
        return make_chat_agent(spec.target, dict(spec.options))
    return make_engine_agent(spec.target, dict(spec.options), engines)


def _callable(spec: AgentSpec) -> Callable[..., Any]:
    found: Callable[..., Any] = _imported(spec)
    with guarded(f"agent {spec.kind}:{spec.target}"):
        is_callable = callable(found)
    if not is_callable:
        raise InfrarayError(f"agent {spec.kind}:{spec.target}: is neither a class nor a function")
    return found


def _imported(spec: AgentSpec) -> Any:
    """The object that ``module:name`` or ``file.py:name`` leads to."""
    target, kind = spec.target, spec.kind
    module_name, colon, name = target.rpartition(":")
    if not colon or not module_name:
        raise InfrarayError(f"agent {kind}:{target}: must name a module and an object, as in '{kind}:mine.py:name'")
    if module_name.endswith(".py"):
        module = load_file(module_name)
    elif "/" in module_name:
        raise InfrarayError(
            f"agent {kind}:{target}: {module_name} is no module; write a file as in '{kind}:{module_name}.py:{name}'"
        )
    else:
        with guarded(f"agent {kind}:{target}: {module_name} does not import"):
            module = importlib.import_module(module_name)
    with guarded(f"agent {kind}:{target}"):
        if not hasattr(module, name):
            known = [found for found in vars(module) if not found.startswith("_")]
            raise UnknownName(f"agent {kind}:{target}: {module_name} has no {name}; {did_you_mean(name, known)}")
        return getattr(module, name)


class _Function(Agent):
    """A plain function, or a coroutine function, as an agent."""

    def __init__(self, function: Callable[[Observation], Any]) -> None:
        self.function = function

    def act(self, observation: Observation) -> Any:
        return self.function(observation)

    def parts(self, environment: Environment) -> tuple[Any, ...]:
        return (self.function,)

    @property
    def is_conversational(self) -> bool:
        return inspect.iscoroutinefunction(self.function)
