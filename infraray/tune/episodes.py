"""Parameters of agents as an objective: a configuration is an agent's spec, its score that of the episodes it plays.

An agent says what may be set by a class attribute ``search_space``, an `infraray.tune.SearchSpace` whose
hyperparameters are options of its constructor. Trials play the same episodes on the same seeds as a run
does. With several agents, the agent is searched as well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import yaml

from infraray.agents import find_agent_kind, load_agent, parse_agent, registered_agents
from infraray.episodes import Entry, EpisodePlayer, EpisodeSpec, Trajectory
from infraray.errors import InfrarayError
from infraray.parameters import file_sha256
from infraray.registration import find
from infraray.space.search_space import SearchSpace, chosen_part, joint_space
from infraray.space.values import Configuration, Value, written
from infraray.statistics.magnitude import mean
from infraray.tune.objective import Measurement, Objective, SearchRequest

AGENT = "agent"
"""The hyperparameter that chooses between several agents."""

EPISODE_S = 300.0
"""Time limit of an episode, as in a run that says nothing else."""

CHEAPEST = 9
"""The smallest budget is a ninth of the seeds: two steps of successive halving."""


class EpisodeObjective(Objective):
    """The mean score over seeds; the budget is episodes, one a seed, in the seeds' order.

    Args:
        request: what the study asks for.

    Raises:
        InfrarayError: an agent has nothing to search, or the scenario's parameters are out of range.
    """

    budget_unit = "episodes"

    def __init__(self, request: SearchRequest) -> None:
        registration = find(request.scenario)
        environment = registration.environment_class()(preset=request.preset, level=request.level, **request.parameters)
        self.scenario = registration.id
        self.name = registration.name
        self.parameters = environment.parameters.model_dump(mode="json")
        self.options = environment.options()
        self.level = environment.level
        self.score = environment.score
        self.files = environment.parameters.files()
        if registration.file is not None:
            self.files[registration.file] = file_sha256(registration.file)
        self.seeds, self.evaluation_seeds = request.seeds, request.evaluation_seeds
        self.min_budget, self.max_budget = max(1, len(self.seeds) // CHEAPEST), len(self.seeds)
        if not request.agents:
            raise InfrarayError(f"agents: none given; {_searchable(registration.name)}")
        self.agents = {_short_name(agent): agent for agent in request.agents}
        if len(self.agents) < len(request.agents):
            raise InfrarayError("agents: each must have a name of its own")
        spaces = {name: _space_of(agent, registration.name) for name, agent in self.agents.items()}
        self.space = joint_space(self.name, 1, AGENT, spaces) if len(spaces) > 1 else next(iter(spaces.values()))
        self._player: EpisodePlayer | None = None

    def identity(self) -> Mapping[str, Any]:
        """All that the episodes' identities hold but the agents' options, which are the configuration."""
        return {
            "scenario": self.scenario,
            "parameters": self.parameters,
            "options": self.options,
            "level": self.level,
            "files": {**self.files, **{path: sha for agent in self.agents.values() for path, sha in _files(agent)}},
            "agents": list(self.agents.values()),
            "code": {agent: dict(self._entry(agent).code) for agent in self.agents.values()},
            "seeds": list(self.seeds),
            "evaluation_seeds": list(self.evaluation_seeds),
        }

    def agent_identity(self, agent: str) -> Mapping[str, Any]:
        """Its code."""
        return {"code": self._entry(agent).code["agent"]}

    def spell(self, configuration: Configuration) -> str:
        """The agent's spec."""
        name, options = next(iter(self.agents)), configuration
        if len(self.agents) > 1:
            name, options = chosen_part(AGENT, configuration)
        spec = parse_agent(self.agents[name])
        pairs = [f"{option}={_spelled(value)}" for option, value in {**dict(spec.options), **options}.items()]
        return f"{spec.kind}:{spec.target}" + (f"?{'&'.join(pairs)}" if pairs else "")

    def evaluate(self, configuration: Configuration, budget: int) -> Measurement:
        """Plays the first ``budget`` seeds."""
        return self._play(self.spell(configuration), self.seeds[:budget])

    def confirm(self, configuration: Configuration) -> Measurement:
        """Plays the evaluation seeds."""
        return self._play(self.spell(configuration), self.evaluation_seeds)

    def check_agent(self, agent: str) -> None:
        """Makes the agent once."""
        check_agent(agent, self.name)

    def confirm_agent(self, agent: str) -> Measurement:
        """Plays the evaluation seeds."""
        return self._play(agent, self.evaluation_seeds)

    def close(self) -> None:
        """Closes the environments."""
        if self._player is not None:
            self._player.close()

    def _play(self, agent: str, seeds: tuple[int, ...]) -> Measurement:
        if self._player is None:
            self._player = EpisodePlayer(EPISODE_S, with_bounds=False)
        return measure_agent(self._player, self._entry(agent), seeds)

    def _entry(self, agent: str) -> Entry:
        """The entry whose episodes an agent plays."""
        environment = find(self.scenario).environment_class()(**self.parameters, **self.options, level=self.level)
        return Entry.of(environment, self.scenario, agent, load_agent(agent, self.name), self.files, self.name)


def check_agent(agent: str, scenario: str) -> None:
    """Makes an agent once, of a kind that a study can measure.

    Raises:
        InfrarayError: there is no such agent, or it plays on an engine.
    """
    if find_agent_kind(parse_agent(agent).kind).needs_engine:
        raise InfrarayError(f"{agent}: engines are started by runs only; name a server, as in chat:MODEL@URL")
    load_agent(agent, scenario)


def measure_agent(player: EpisodePlayer, entry: Entry, seeds: Sequence[int]) -> Measurement:
    """The mean score of an agent over seeds; of one that answers at once, the first failure ends it."""
    specs = [EpisodeSpec(entry, seed, 0) for seed in seeds]
    if entry.conversational:
        return _measurement(asyncio.run(_converse(player, specs)))
    played = []
    for spec in specs:
        played.append(player.play(spec))
        if played[-1].measures is None:
            break
    return _measurement(played)


async def _converse(player: EpisodePlayer, specs: list[EpisodeSpec]) -> list[Trajectory]:
    return list(await asyncio.gather(*(player.converse(spec) for spec in specs)))


def _measurement(played: list[Trajectory]) -> Measurement:
    """The mean over episodes; one that failed fails the trial, since a mean over the others would flatter it."""
    for trajectory in played:
        if trajectory.measures is None:
            reason = f"seed {trajectory.spec.seed}: {trajectory.failure}"
            return Measurement(None, failure="episode failed", reason=reason)
    samples = tuple(trajectory.measures.score for trajectory in played if trajectory.measures is not None)
    seconds = sum(trajectory.wall_s for trajectory in played)
    return Measurement(mean(samples), samples, {"episode_s": seconds / len(played)})


def _space_of(agent: str, scenario: str) -> SearchSpace:
    spec = parse_agent(agent)
    space = getattr(load_agent(spec, scenario), "search_space", None)
    if not isinstance(space, SearchSpace):
        raise InfrarayError(f"agents: {agent}: has no search_space; {_searchable(scenario)}")
    for option, _ in spec.options:
        if option in space.by_name:
            raise InfrarayError(f"agents: {agent}: {option} is what is searched; leave it out of the spec")
    return space


def _searchable(scenario: str) -> str:
    """The scenario's agents that have a space, for an error."""
    find(scenario).import_baselines()
    found = [f"scripted:{name}" for name, kind in registered_agents(scenario).items() if kind.search_space is not None]
    return f"those with one are {', '.join(found)}" if found else f"no scripted agent of {scenario} has one"


def _short_name(agent: str) -> str:
    return parse_agent(agent).target.rpartition(":")[2]


def _files(agent: str) -> list[tuple[str, str]]:
    return sorted(parse_agent(agent).files().items())


def _spelled(value: Value) -> str:
    """A value as a spec has it: text without quotes where YAML reads it as the same text."""
    text = str(value) if isinstance(value, str) and yaml.safe_load(value) == value else written(value)
    if isinstance(value, float) and "." not in text:
        # YAML 1.1 takes 1e-05 for text, 1.0e-05 for a number.
        text = text.replace("e", ".0e")
    return quote(text, safe="/:,.[]{}-")
