"""Parameters of agents as an objective: a configuration is an agent's spec, its score that of the episodes it plays.

An agent says what may be set by a class attribute ``search_space``, an `infraray.tune.SearchSpace` whose
hyperparameters are options of its constructor. Trials play the same episodes on the same seeds as a run
does. With several agents, the agent is searched as well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any
from urllib.parse import quote

import yaml

from infraray.agents import find_agent_kind, load_agent, parse_agent, registered_agents
from infraray.environment import Environment
from infraray.episodes import Entry, EpisodePlayer, EpisodeSpec, Trajectory, task_files
from infraray.errors import InfrarayError
from infraray.registration import find
from infraray.space.search_space import SearchSpace, chosen_part, joint_space
from infraray.space.values import Configuration, Value, written
from infraray.tune.objective import Objective, SearchRequest

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
        super().__init__(request)
        self.name = find(request.scenario).name
        self.score = self._environment.score
        self.min_budget, self.max_budget = max(1, len(self.seeds) // CHEAPEST), len(self.seeds)
        if not request.agents:
            raise InfrarayError(f"agents: none given; {_searchable(self.name)}")
        self.agents = {_short_name(agent): agent for agent in request.agents}
        if len(self.agents) < len(request.agents):
            raise InfrarayError("agents: each must have a name of its own")
        spaces = {name: _space_of(agent, self.name) for name, agent in self.agents.items()}
        self.space = joint_space(self.name, 1, AGENT, spaces) if len(spaces) > 1 else next(iter(spaces.values()))
        self._players: dict[bool, EpisodePlayer] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Without what each process makes for itself."""
        made = ("_environment", "_files")
        return {**{name: value for name, value in vars(self).items() if name not in made}, "_players": {}}

    def identity(self) -> Mapping[str, Any]:
        """The entries of the agents, whose options are the configuration."""
        return {
            "entries": {agent: self.agent_entry(agent).digest.hex() for agent in self.agents.values()},
            "seeds": list(self.seeds),
            "evaluation_seeds": list(self.evaluation_seeds),
        }

    def spell(self, configuration: Configuration) -> str:
        """The agent's spec."""
        name, options = next(iter(self.agents)), configuration
        if len(self.agents) > 1:
            name, options = chosen_part(AGENT, configuration)
        spec = parse_agent(self.agents[name])
        pairs = [f"{option}={_spelled(value)}" for option, value in {**dict(spec.options), **options}.items()]
        return f"{spec.kind}:{spec.target}" + (f"?{'&'.join(pairs)}" if pairs else "")

    def seeds_within(self, budget: int) -> tuple[int, ...]:
        """The first ``budget`` seeds."""
        return self.seeds[:budget]

    def entry(self, configuration: Configuration, budget: int | None) -> Entry:
        """The configuration's agent."""
        return self.agent_entry(self.spell(configuration))

    def check_agent(self, agent: str) -> None:
        """Makes the agent once."""
        check_agent(agent, self.name)

    def agent_entry(self, agent: str) -> Entry:
        """As in a run, so that the episodes are the same."""
        made = load_agent(agent, self.name)
        return Entry.of(self._environment, self.request.scenario, agent, made, self._files, self.name)

    def play(self, specs: Sequence[EpisodeSpec]) -> Iterator[Trajectory]:
        """Plays them as a run does; development episodes without floor and bound, which may take longer than they."""
        with_bounds = specs[0].seed in self.evaluation_seeds
        if with_bounds not in self._players:
            self._players[with_bounds] = EpisodePlayer(EPISODE_S, with_bounds=with_bounds)
        yield from play_all(self._players[with_bounds], specs)

    def close(self) -> None:
        """Closes the environments."""
        for player in self._players.values():
            player.close()

    @cached_property
    def _environment(self) -> Environment:
        return self.environment()

    @cached_property
    def _files(self) -> dict[str, str]:
        return task_files(self._environment, self.request.scenario, self.request.imported)


def check_agent(agent: str, scenario: str) -> None:
    """Makes an agent once, of a kind that a study can measure.

    Raises:
        InfrarayError: there is no such agent, or it plays on an engine.
    """
    if find_agent_kind(parse_agent(agent).kind).needs_engine:
        raise InfrarayError(f"{agent}: engines are started by runs only; name a server, as in chat:MODEL@URL")
    load_agent(agent, scenario)


def play_all(player: EpisodePlayer, specs: Sequence[EpisodeSpec]) -> Iterator[Trajectory]:
    """Plays episodes of one entry, and gives each as soon as it has ended; conversations are under way side by side."""
    if not specs[0].entry.conversational:
        yield from map(player.play, specs)
        return
    with asyncio.Runner() as runner:
        pending = {runner.get_loop().create_task(player.converse(spec)) for spec in specs}
        while pending:
            done, pending = runner.run(asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED))
            yield from (task.result() for task in done)


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


def _spelled(value: Value) -> str:
    """A value as a spec has it: text without quotes where YAML reads it as the same text."""
    text = str(value) if isinstance(value, str) and yaml.safe_load(value) == value else written(value)
    if isinstance(value, float) and "." not in text:
        # YAML 1.1 takes 1e-05 for text, 1.0e-05 for a number.
        text = text.replace("e", ".0e")
    return quote(text, safe="/:,.[]{}-")
