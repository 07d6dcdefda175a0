"""Makes a run's plan: resolves all names, makes every environment and agent once, reports mistakes with their lines."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence

from infraray.agents import Agent, AgentSpec, agent_kinds, find_agent_kind, load_agent, parse_agent
from infraray.agents.chat import NotStarted, ServedModel
from infraray.engines import EngineSpec, read_engine_spec, requirements
from infraray.environment import Environment
from infraray.episodes import Entry, task_files
from infraray.errors import InfrarayError, Refusals, UnknownName, did_you_mean
from infraray.parameters import file_sha256
from infraray.registration import Registration, find
from infraray.runs.plan import Lineup, Plan
from infraray.runs.run_file import RunSpec, ScenarioSection
from infraray.user_code import guarded
from infraray.user_file import load_file, read_source
from infraray.yaml_file import Place


def make_plan(spec: RunSpec, here: bool = False) -> Plan:
    """Resolves a run: imports the user's files, makes every environment and every agent once.

    Args:
        spec: the run.
        here: whether this machine will play it; if so, tasks for which it lacks something are refused.

    Raises:
        InfrarayError: a line for everything that prevents it from being played: unknown names, parameters out of
            range, files that cannot be read.
    """
    return _Planning(spec, here).plan()


class _Planning:
    """The making of one plan, with what its parts have in common."""

    def __init__(self, spec: RunSpec, here: bool) -> None:
        self.spec = spec
        self.here = here
        self.refusals = Refusals()
        self.imported: dict[str, str] = {}
        self.engines: dict[str, EngineSpec] = {}
        """Those that an agent plays on."""
        self.left_out: list[str] = []

    def plan(self) -> Plan:
        spec, refusals = self.spec, self.refusals
        for position, path in enumerate(spec.imports):
            with refusals.collecting(), spec.explaining("imports", position):
                load_file(path)
                self.imported[path] = file_sha256(path)
        for name, engine in spec.engines.items():
            with refusals.collecting(), spec.explaining("engines", name):
                engine.check()
        lineups: list[Lineup] = []
        for position, section in enumerate(spec.scenarios):
            with refusals.collecting():
                lineup = self._lineup(position, section)
                if lineup is None:
                    continue
                with spec.explaining("scenarios", position):
                    for earlier in lineups:
                        _check_apart(earlier, lineup)
                lineups.append(lineup)
        refusals.refuse()
        _check_limits(spec, lineups)
        if not lineups:
            raise InfrarayError(f"scenarios: nothing is left to play; {'; '.join(self.left_out)}")
        # In the order of import: one may need what another registers.
        used = (path for lineup in lineups for entry in lineup.entries for path in entry.files if path.endswith(".py"))
        sources = {path: read_source(path) for path in dict.fromkeys([*spec.imports, *used])}
        for lineup in lineups:
            lineup.described  # noqa: B018 (refuses what cannot be described before anything is played)
        return Plan(spec, tuple(lineups), sources, self.engines, tuple(self.left_out))

    def _lineup(self, position: int, section: ScenarioSection) -> Lineup | None:
        """A scenario with all agents that play it; None if it is optional and cannot be played."""
        spec, place = self.spec, ("scenarios", position)
        with spec.explaining(*place), guarded(f"scenario {section.scenario}"):
            registration, environment = _make_environment(section)
            problem = obstacle(environment) or (environment.missing_here() if self.here else None)
            if problem is not None and not section.optional:
                raise InfrarayError(f"{registration.name}: {problem}")
        label = section.label or registration.name
        if problem is not None:
            self.left_out.append(f"{label} is left out: {problem}")
            return None
        with spec.explaining(*place), guarded(f"scenario {section.scenario}"):
            files = task_files(environment, registration.id, self.imported)
            if not spec.agents and not section.agents:
                raise InfrarayError("no agents; list some under 'agents', for example 'scripted:*'")
        entries: dict[str, Entry] = {}
        asked: list[tuple[Place, str]] = [(("agents", number), agent) for number, agent in enumerate(spec.agents)]
        asked += [((*place, "agents", number), agent) for number, agent in enumerate(section.agents)]
        for where, pattern in asked:
            with self.refusals.collecting(), spec.explaining(*where), guarded(f"agent {pattern}"):
                for agent in _agents(pattern, registration):
                    if agent in entries:
                        raise InfrarayError(f"{agent!r} is listed twice; 'repetitions' plays an agent more often")
                    entry = self._entry(agent, registration, environment, files, label)
                    if entry is not None:
                        entries[agent] = entry
        seeds = section.seeds or spec.seeds
        return Lineup(label, registration, environment, tuple(entries.values()), seeds, spec.repetitions)

    def _entry(
        self, agent: str, registration: Registration, environment: Environment, files: Mapping[str, str], label: str
    ) -> Entry | None:
        """An agent in a scenario; None if its engine is optional and cannot be started."""
        parsed = parse_agent(agent)
        kind = find_agent_kind(parsed.kind)
        engine = self._engine(parsed) if kind.needs_engine else None
        lacking = requirements.problem(engine) if engine is not None and self.here else None
        if lacking is not None and engine is not None:
            if not engine.optional:
                raise InfrarayError(f"agent {agent}: {lacking}")
            del self.engines[parsed.target]
            self.left_out.append(f"{agent} is left out of {label}: {lacking}")
            return None
        served = {name: ServedModel(found.served_model, NotStarted(name)) for name, found in self.engines.items()}
        made = load_agent(parsed, registration.id, served)
        if not isinstance(made, Agent):
            raise InfrarayError(f"agent {agent}: must be a subclass of infraray.Agent, or a function")
        if (problem := made.problem()) is not None:
            raise InfrarayError(f"agent {agent}: {problem}")
        needs_price = self.spec.limits.unpriced() if kind.asks_a_model else None
        if needs_price is not None and "prices" not in dict(parsed.options):
            raise InfrarayError(f"agent {agent}: limits.{needs_price} needs its prices; add ?prices=FILE")
        served_by = engine.identity if engine is not None else None
        with guarded(f"scenario {registration.name}"):
            return Entry.of(environment, registration.id, agent, made, files, label, served_by)

    def _engine(self, agent: AgentSpec) -> EngineSpec:
        """The engine that an agent plays on: one of the section ``engines``, or ``KIND:MODEL`` with its defaults."""
        spec, engines, name = self.spec, self.engines, agent.target
        if name in engines:
            return engines[name]
        kind, colon, model = name.partition(":")
        if name in spec.engines:
            engines[name] = spec.engines[name]
        elif colon:
            plain = re.sub(r"\W+", "-", name).strip("-")
            engines[name] = read_engine_spec({"name": plain, "engine": kind, "model": model})
        else:
            hint = did_you_mean(name, spec.engines) if spec.engines else "add one under 'engines'"
            raise UnknownName(f"agent {agent.kind}:{name}: no such engine; {hint}")
        if not engines[name].served_model:
            raise InfrarayError(f"engine {name}: model: give the name by which its server knows the model")
        return engines[name]


def obstacle(environment: Environment) -> str | None:
    """Why an environment's tasks cannot be played, in one line that says what to do; None if they can.

    What this machine lacks says nothing about the machines of another cluster.
    """
    elsewhere = os.environ.get("RAY_ADDRESS")
    return environment.unplayable() or (None if elsewhere else type(environment).problem())


def _make_environment(section: ScenarioSection) -> tuple[Registration, Environment]:
    """A scenario's registration, and the environment that its entry asks for.

    Raises:
        InfrarayError: a parameter is wrong, or the episodes would end before anything is scored.
    """
    registration = find(section.scenario)
    given = section.model_dump(exclude={"scenario", "label", "parameters", "agents", "seeds", "optional"})
    for name in section.parameters:
        if name in given:
            raise InfrarayError(f"{name}: belongs beside 'parameters', not inside")
    environment = registration.environment_class()(**given, **section.parameters)
    if (problem := environment.unscored("max_episode_steps")) is not None:
        raise InfrarayError(problem)
    return registration, environment


def _check_limits(spec: RunSpec, lineups: Sequence[Lineup]) -> None:
    """Refuses limits that affect nobody.

    Raises:
        InfrarayError: one line for each.
    """
    waiting = {entry.conversational for lineup in lineups for entry in lineup.entries}
    if len(waiting) != 1:
        return
    (all_wait,) = waiting
    given: dict[Place, float] = {
        ("limits", name): value
        for name, value in spec.limits.model_dump(exclude_defaults=True).items()
        if name != "retries" and (name == "episode_s") == all_wait
    }
    if spec.concurrency is not None and not all_wait:
        given["concurrency",] = spec.concurrency
    who = "every agent waits" if all_wait else "no agent waits"
    refusals = Refusals()
    for place, value in given.items():
        with refusals.collecting(), spec.explaining(*place):
            raise InfrarayError(f"{value:g}: has no effect: {who} for others, such as a model; leave it out")
    refusals.refuse()


def _check_apart(earlier: Lineup, lineup: Lineup) -> None:
    """Refuses two scenarios with one label, and two labels for one episode, which is played and counted only once.

    Raises:
        InfrarayError: they are equal, or an agent plays equal tasks in both.
    """
    if lineup.label == earlier.label:
        raise InfrarayError(f"a second {lineup.label!r}; give each a label of its own (label: ...)")
    played = {entry.digest for entry in earlier.entries}
    for entry in lineup.entries:
        if entry.digest in played and not set(earlier.seeds).isdisjoint(lineup.seeds):
            raise InfrarayError(
                f"{entry.agent} plays the same tasks in {earlier.label!r} and {lineup.label!r}; "
                "change parameters or seeds, or leave one out"
            )


def _agents(pattern: str, registration: Registration) -> list[str]:
    """The specs that a pattern stands for: ``scripted:*`` for all scripted agents of the scenario, or itself."""
    name, _, target = pattern.partition(":")
    listed = find_agent_kind(name).targets(registration.name) if target == "*" and name in agent_kinds() else []
    return [f"{name}:{found}" for found in listed] or [pattern]
