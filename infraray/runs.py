"""A run: what a YAML file or the command line's flags ask for, and the plan that follows from it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    BeforeValidator,
    Field,
    PlainSerializer,
    PlainValidator,
    PrivateAttr,
    ValidationError,
)

from infraray.agents import Agent, AgentSpec, load_agent, load_file, parse_agent, read_source, registered_agents
from infraray.agents.chat import NotStarted, ServedModel
from infraray.engines import EngineSpec, read_engine_spec
from infraray.environment import Environment, InvalidActionPolicy
from infraray.episodes import Entry, EpisodeSpec
from infraray.errors import InfrarayError, UnknownName, did_you_mean, explain_validation, without_secrets
from infraray.parameters import file_sha256
from infraray.registration import Registration, find
from infraray.strict import StrictModel
from infraray.user_code import guarded
from infraray.yaml_file import Place, Where, nowhere, read_yaml


@dataclass(frozen=True)
class SeedRange:
    """Seeds from ``start`` up to, not including, ``stop``; a million take no memory."""

    start: int
    stop: int

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.start, self.stop))

    def __len__(self) -> int:
        return self.stop - self.start


def _read_seeds(value: Any) -> SeedRange | tuple[int, ...]:
    """``20`` is 0 to 19, ``"100:120"`` is 100 to 119, a list is itself."""
    if isinstance(value, SeedRange):
        return value
    if isinstance(value, list | tuple):
        if not value or not all(_is_seed(seed) for seed in value):
            raise ValueError("must hold at least one seed, each a whole number from 0 to 2**62 - 1")
        if len(set(value)) != len(value):
            raise ValueError("must hold each seed once; 'repetitions' plays a task more often")
        return tuple(value)
    match = _SEED_RANGE.fullmatch(str(value)) if not isinstance(value, bool) else None
    if match is None:
        raise ValueError("must be a count such as 20, a range such as '100:120', or a list")
    found = SeedRange(int(match["start"] or 0), int(match["stop"]))
    if not _is_seed(found.stop) or found.start >= found.stop:
        raise ValueError("must hold at least one seed, each from 0 to 2**62 - 1")
    return found


def _is_seed(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**62


def _write_seeds(seeds: SeedRange | tuple[int, ...]) -> str | list[int]:
    return f"{seeds.start}:{seeds.stop}" if isinstance(seeds, SeedRange) else list(seeds)


_SEED_RANGE = re.compile(r"((?P<start>\d{1,19}):)?(?P<stop>\d{1,19})")
Seeds = Annotated[SeedRange | tuple[int, ...], PlainValidator(_read_seeds), PlainSerializer(_write_seeds)]


class ScenarioSection(StrictModel):
    """One scenario with its parameters, and the agents that play it beside the run's."""

    scenario: str
    label: str | None = None
    preset: str | None = None
    parameters: dict[str, Any] = {}
    level: int = 1
    agents: list[str] = []
    seeds: Seeds | None = None
    text: bool = True
    invalid_action: InvalidActionPolicy = "retry"
    invalid_penalty: float = 1.0
    max_episode_steps: int | None = None
    reward_scale: float = 1.0
    optional: bool = Field(default=False, description="leave it out, and say so, where this machine cannot play it")


def _read_section(value: Any) -> Any:
    """A bare name is a scenario with its defaults."""
    return {"scenario": value} if isinstance(value, str) else value


class Limits(StrictModel):
    """What an episode may take."""

    episode_s: float = Field(default=300.0, gt=0, le=86_400, description="seconds an attempt may last")
    conversation_s: float = Field(
        default=86_400.0,
        gt=0,
        le=604_800,
        description="the same for an agent that waits for others, such as a model's server, the waits included",
    )
    retries: int = Field(default=2, ge=0, le=100, description="further attempts after one that failed")
    tokens: int | None = Field(default=None, ge=1, description="tokens that all agents together may use, both ways")
    cost: float | None = Field(default=None, gt=0, description="what they may cost, in the unit of the agents' prices")
    agent_tokens: int | None = Field(default=None, ge=1, description="the same for each agent")
    agent_cost: float | None = Field(default=None, gt=0, description="the same for each agent")
    episode_tokens: int | None = Field(default=None, ge=1, description="the same for an attempt at an episode")
    episode_cost: float | None = Field(default=None, gt=0, description="the same for an attempt at an episode")

    @property
    def are_on_spending(self) -> bool:
        """Whether any is on tokens or cost of more than one episode: what all spend is then counted in one place."""
        return any(limit is not None for limit in (self.tokens, self.cost, self.agent_tokens, self.agent_cost))

    def unpriced(self) -> str | None:
        """The first limit that needs to know what tokens cost; None where none does."""
        return next((name for name in ("cost", "agent_cost", "episode_cost") if getattr(self, name) is not None), None)


def _name_engines(value: Any) -> Any:
    """An engine's name is its key."""
    if not isinstance(value, dict):
        return value
    return {name: {**given, "name": name} if isinstance(given, dict) else given for name, given in value.items()}


Engines = Annotated[dict[str, EngineSpec], BeforeValidator(_name_engines)]


class RunSpec(StrictModel):
    """A run, as a YAML file writes it.

    Agents at the top play every scenario, agents in a scenario only that one. ``scripted:*``
    stands for all the scripted agents of the scenario. Engines are started when an agent
    ``engine:NAME`` has something to play, and ended with the run.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)
    scenarios: list[Annotated[ScenarioSection, BeforeValidator(_read_section)]] = Field(min_length=1)
    agents: list[str] = []
    engines: Engines = {}
    seeds: Seeds = SeedRange(0, 10)
    repetitions: int = Field(default=1, ge=1, le=1_000_000)
    limits: Limits = Limits()
    imports: list[str] = []
    workers: int | None = Field(default=None, ge=1, le=100_000)
    concurrency: int | None = Field(
        default=None, ge=1, le=1_000_000, description="conversations under way at once; 256 in each process if null"
    )
    _where: Where = PrivateAttr(default_factory=lambda: nowhere)


def load_run(path: str | Path) -> RunSpec:
    """Reads a run from a YAML file.

    Raises:
        InfrarayError: one line a mistake, each with the file, the line, the field, the value and the fix.
    """
    data, where = read_yaml(path, "'scenarios' and 'agents'")
    return parse_run(data, where)


def parse_run(data: Mapping[str, Any], where: Where = nowhere) -> RunSpec:
    """Validates a run; ``where`` turns the place of a mistake into the start of its line.

    Raises:
        InfrarayError: one line a mistake.
    """
    try:
        spec = RunSpec.model_validate(dict(data))
    except ValidationError as error:
        lines = [f"{where(place)}{line}" for place, line in explain_validation(error, RunSpec)]
        raise InfrarayError("\n".join(lines)) from None
    spec._where = where
    return spec


@dataclass(frozen=True)
class Lineup:
    """One scenario of a run with everyone who plays it."""

    label: str
    registration: Registration
    environment: Environment
    entries: tuple[Entry, ...]
    seeds: SeedRange | tuple[int, ...]


@dataclass(frozen=True)
class Plan:
    """Every episode of a run, never all at once in memory."""

    spec: RunSpec
    lineups: tuple[Lineup, ...]
    sources: Mapping[str, bytes]
    """The content of the user's files by path, for the machines that do not have them."""
    engines: Mapping[str, EngineSpec]
    """The engines that agents play on, by the name in the agents' specs."""
    left_out: tuple[str, ...] = ()
    """A line for each optional scenario that this machine cannot play."""

    @property
    def total(self) -> int:
        """How many episodes there are."""
        return sum(self.total_per_entry(lineup) * len(lineup.entries) for lineup in self.lineups)

    def total_per_entry(self, lineup: Lineup) -> int:
        """How many episodes each of a lineup's agents plays."""
        return len(lineup.seeds) * self.spec.repetitions

    @property
    def total_conversations(self) -> int:
        """How many episodes are of conversational agents."""
        return sum(
            self.total_per_entry(lineup) * sum(entry.conversational for entry in lineup.entries)
            for lineup in self.lineups
        )

    @property
    def concurrencies(self) -> list[int]:
        """How much may be asked at once: in the whole run, and at each agent's server that has a limit."""
        agents = {parse_agent(entry.agent) for lineup in self.lineups for entry in lineup.entries}
        asked = [dict(agent.options).get("concurrency") for agent in agents if agent.kind in ("chat", "engine")]
        return [most for most in (self.spec.concurrency, *asked) if most is not None]

    def episodes(self, conversational: bool | None = None) -> Iterator[EpisodeSpec]:
        """The episodes, those on the same task next to each other; all, or those of one kind of agents."""
        for lineup in self.lineups:
            entries = [entry for entry in lineup.entries if conversational in (None, entry.conversational)]
            for seed in lineup.seeds if entries else ():
                for entry in entries:
                    for repetition in range(self.spec.repetitions):
                        yield EpisodeSpec(entry, seed, repetition)

    def manifest(self) -> dict[str, Any]:
        """What ``run.json`` keeps beside the data: the plan, and what its names were resolved to."""
        scenarios = {lineup.label: self._described(lineup) for lineup in self.lineups}
        plan = without_secrets(self.spec.model_dump(mode="json"))
        return {"name": self.spec.name, "plan": plan, "scenarios": scenarios}

    def _described(self, lineup: Lineup) -> dict[str, Any]:
        """A scenario in the manifest.

        Raises:
            InfrarayError: what the scenario says of itself is nothing that can be written.
        """
        with guarded(f"scenario {lineup.label}"):
            described = {
                "scenario": lineup.registration.name,
                "id": lineup.registration.id,
                "version": lineup.registration.version,
                "parameters": without_secrets(lineup.environment.parameters.model_dump(mode="json")),
                "options": lineup.environment.options(),
                "level": lineup.environment.level,
                "score": vars(lineup.environment.score),
                "task_description": lineup.environment.task_description,
                "available_actions": lineup.environment.available_actions,
                "observation": lineup.environment.layout.describe(),
                "agents": [entry.agent for entry in lineup.entries],
                "digests": {entry.agent: entry.digest.hex() for entry in lineup.entries},
                "code": {entry.agent: dict(entry.code) for entry in lineup.entries},
                "seeds": vars(lineup.seeds) if isinstance(lineup.seeds, SeedRange) else lineup.seeds,
                "repetitions": self.spec.repetitions,
                "owed_total": self.total_per_entry(lineup) * len(lineup.entries),
            }
            json.dumps(described, ensure_ascii=False).encode()
        return described


def make_plan(spec: RunSpec) -> Plan:
    """Resolves a run: imports the user's files, makes every environment and every agent once.

    Raises:
        InfrarayError: a name is unknown, a parameter out of range, a file cannot be read.
    """
    for position, path in enumerate(spec.imports):
        with _explaining(spec, "imports", position):
            load_file(path)
    lineups: list[Lineup] = []
    engines: dict[str, EngineSpec] = {}
    left_out = []
    for position, section in enumerate(spec.scenarios):
        with _explaining(spec, "scenarios", position), guarded(f"scenario {section.scenario}"):
            registration, environment = _make_environment(section)
            problem = obstacle(environment)
            if problem is not None and not section.optional:
                raise InfrarayError(f"{registration.name}: {problem}")
        if problem is not None:
            left_out.append(f"{section.label or section.scenario} is left out: {problem}")
            continue
        lineup = _resolve(spec, position, section, registration, environment, engines)
        if lineup.label in (earlier.label for earlier in lineups):
            with _explaining(spec, "scenarios", position):
                raise InfrarayError(f"a second {lineup.label!r}; give each a label of its own (label: ...)")
        for earlier in lineups:
            with _explaining(spec, "scenarios", position):
                _check_apart(earlier, lineup)
        lineups.append(lineup)
    if not lineups:
        raise InfrarayError(f"scenarios: nothing is left to play; {'; '.join(left_out)}")
    # In the order in which they were imported here: one may need what another registers.
    used = (path for lineup in lineups for entry in lineup.entries for path in entry.files if path.endswith(".py"))
    sources = {path: read_source(path) for path in dict.fromkeys([*spec.imports, *used])}
    plan = Plan(spec, tuple(lineups), sources, engines, tuple(left_out))
    plan.manifest()  # what cannot be described is refused before anything is played
    return plan


def obstacle(environment: Environment) -> str | None:
    """Why an environment's tasks cannot be played, in one line that says what to do; None where they can.

    What this machine lacks says nothing about another cluster's.
    """
    elsewhere = os.environ.get("RAY_ADDRESS")
    return environment.unplayable() or (None if elsewhere else type(environment).problem())


def _make_environment(section: ScenarioSection) -> tuple[Registration, Environment]:
    """A scenario's registration, and the environment that its section asks for.

    Raises:
        InfrarayError: a parameter is wrong, or the episodes would end before anything is scored.
    """
    registration = find(section.scenario)
    given = section.model_dump(exclude={"scenario", "label", "parameters", "agents", "seeds", "optional"})
    for name in section.parameters:
        if name in given:
            raise InfrarayError(f"{name}: belongs beside 'parameters', not inside")
    environment = registration.environment_class()(**given, **section.parameters)
    least, follows_from = environment.least_steps()
    limit = environment.max_episode_steps
    if limit is not None and limit < least:
        warmup = getattr(environment.parameters, follows_from)
        raise InfrarayError(
            f"{registration.name}: max_episode_steps={limit}: nothing would be scored, since {follows_from}={warmup}; "
            f"give at least {least}, or lower {follows_from}"
        )
    return registration, environment


def _resolve(
    spec: RunSpec,
    position: int,
    section: ScenarioSection,
    registration: Registration,
    environment: Environment,
    engines: dict[str, EngineSpec],
) -> Lineup:
    """A scenario with everyone who plays it; the engines that they need are added to ``engines``."""
    place = "scenarios", position
    with _explaining(spec, *place), guarded(f"scenario {section.scenario}"):
        files = environment.parameters.files() | {path: file_sha256(path) for path in spec.imports}
        if registration.file is not None:
            files[registration.file] = file_sha256(registration.file)
        if not spec.agents and not section.agents:
            raise InfrarayError("no agents; list some under 'agents', for example 'scripted:*'")
    label = section.label or registration.name
    entries: dict[str, Entry] = {}
    asked: list[tuple[Place, str]] = [(("agents", number), agent) for number, agent in enumerate(spec.agents)]
    asked += [((*place, "agents", number), agent) for number, agent in enumerate(section.agents)]
    for where, pattern in asked:
        with _explaining(spec, *where), guarded(f"agent {pattern}"):
            for agent in _all_scripted(registration) if pattern == "scripted:*" else [pattern]:
                if agent in entries:
                    raise InfrarayError(f"{agent!r} is listed twice; 'repetitions' plays an agent more often")
                parsed = parse_agent(agent)
                engine = _engine(spec, parsed, engines) if parsed.kind == "engine" else None
                served = {name: ServedModel(found.served_model, NotStarted(name)) for name, found in engines.items()}
                made = load_agent(parsed, registration.id, served)
                if not isinstance(made, Agent):
                    raise InfrarayError(f"agent {agent}: must be a subclass of infraray.Agent, or a function")
                if (problem := made.problem()) is not None:
                    raise InfrarayError(f"agent {agent}: {problem}")
                needs_price = spec.limits.unpriced() if parsed.kind in ("chat", "engine") else None
                if needs_price is not None and "prices" not in dict(parsed.options):
                    raise InfrarayError(f"agent {agent}: limits.{needs_price} needs its prices; add ?prices=FILE")
                served_by = engine.identity if engine is not None else None
                with guarded(f"scenario {section.scenario}"):
                    entries[agent] = Entry.of(environment, registration.id, agent, made, files, label, served_by)
    return Lineup(label, registration, environment, tuple(entries.values()), section.seeds or spec.seeds)


def _check_apart(earlier: Lineup, lineup: Lineup) -> None:
    """Refuses two labels for one episode, which is played and counted once.

    Raises:
        InfrarayError: an agent plays equal tasks in both.
    """
    played = {entry.digest for entry in earlier.entries}
    for entry in lineup.entries:
        if entry.digest in played and not set(earlier.seeds).isdisjoint(lineup.seeds):
            raise InfrarayError(
                f"{entry.agent} plays the same tasks in {earlier.label!r} and {lineup.label!r}; "
                "change parameters or seeds, or leave one out"
            )


def _engine(spec: RunSpec, agent: AgentSpec, engines: dict[str, EngineSpec]) -> EngineSpec:
    """The engine that an agent plays on: one of the section ``engines``, or ``KIND:MODEL`` with its defaults."""
    name = agent.target
    if name in engines:
        return engines[name]
    kind, colon, model = name.partition(":")
    if name in spec.engines:
        engines[name] = spec.engines[name]
    elif colon:
        engines[name] = read_engine_spec({"name": re.sub(r"\W+", "-", name).strip("-"), "engine": kind, "model": model})
    else:
        hint = did_you_mean(name, spec.engines) if spec.engines else "add one under 'engines'"
        raise UnknownName(f"agent engine:{name}: no such engine; {hint}")
    if not engines[name].served_model:
        raise InfrarayError(f"engine {name}: model: give the name by which its server knows the model")
    return engines[name]


@contextmanager
def _explaining(spec: RunSpec, *place: int | str) -> Iterator[None]:
    """Puts file, line and field before every line of an error inside."""
    try:
        yield
    except InfrarayError as error:
        lines = []
        for line in str(error).splitlines():
            # "load_balance: num_servers=0: ..." is about a parameter, whose line is nearer than the scenario's.
            named = re.match(r"\w+: (\w+)", line)
            inner = (*place, "parameters", named[1]) if named and place[0] == "scenarios" else place
            start = spec._where(inner)
            lines.append(f"{start}{'.'.join(map(str, place))}: {line}")
        raise InfrarayError("\n".join(lines)) from None


def _all_scripted(registration: Registration) -> list[str]:
    registration.import_baselines()
    return [f"scripted:{name}" for name in registered_agents(registration.name)]
