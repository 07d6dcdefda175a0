"""The plan of a run: every episode that it asks for, and what its manifest says about them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from infraray.agents import find_agent_kind, parse_agent
from infraray.engines import EngineSpec
from infraray.environment import Environment
from infraray.episodes import Entry, EpisodeSpec
from infraray.errors import without_secrets
from infraray.registration import Registration
from infraray.runs.run_file import RunSpec
from infraray.seeds import SeedRange
from infraray.trajectories.manifest import Manifest, PlannedScenario, WrittenPlan


@dataclass(frozen=True)
class Lineup:
    """One scenario of a run, with all agents that play it."""

    label: str
    registration: Registration
    environment: Environment
    entries: tuple[Entry, ...]
    seeds: SeedRange | tuple[int, ...]
    repetitions: int

    @property
    def total_per_entry(self) -> int:
        """The number of episodes that each agent plays."""
        return len(self.seeds) * self.repetitions

    @cached_property
    def described(self) -> PlannedScenario:
        """The scenario as ``run.json`` records it.

        Raises:
            InfrarayError: the scenario describes itself with something that cannot be written.
        """
        return PlannedScenario.of(self.registration, self.environment, self.entries, self.seeds, self.repetitions)


@dataclass(frozen=True)
class Plan:
    """All episodes of a run, never all in memory at once."""

    spec: RunSpec
    lineups: tuple[Lineup, ...]
    sources: Mapping[str, bytes]
    """The content of the user's files by path, for the machines that do not have them."""
    engines: Mapping[str, EngineSpec]
    """The engines that agents play on, by the name in the agents' specs."""
    left_out: tuple[str, ...] = ()
    """A line for each optional scenario that this machine cannot play."""
    is_start: bool = True
    """Whether playing it is a start of its own, which ``run.json`` records, and not the next part of one."""

    @property
    def total(self) -> int:
        """The number of episodes."""
        return sum(lineup.total_per_entry * len(lineup.entries) for lineup in self.lineups)

    @property
    def total_conversations(self) -> int:
        """The number of episodes by conversational agents."""
        return sum(
            lineup.total_per_entry * sum(entry.conversational for entry in lineup.entries) for lineup in self.lineups
        )

    @property
    def concurrencies(self) -> list[int]:
        """The most requests in flight: in the whole run, and at each agent's server that has a limit."""
        agents = {parse_agent(entry.agent) for lineup in self.lineups for entry in lineup.entries}
        asked = [dict(agent.options).get("concurrency") for agent in agents if find_agent_kind(agent.kind).asks_a_model]
        return [most for most in (self.spec.concurrency, *asked) if most is not None]

    def episodes(self, conversational: bool | None = None) -> Iterator[EpisodeSpec]:
        """The episodes, those on the same task next to each other; all of them, or those of one kind of agent."""
        for lineup in self.lineups:
            entries = [entry for entry in lineup.entries if conversational in (None, entry.conversational)]
            for seed in lineup.seeds if entries else ():
                for entry in entries:
                    for repetition in range(self.spec.repetitions):
                        yield EpisodeSpec(entry, seed, repetition)

    def manifest(self) -> Manifest:
        """The content of ``run.json``: the plan, and what its names were resolved to."""
        plan = WrittenPlan.model_validate(without_secrets(self.spec.model_dump(mode="json")))
        scenarios = {lineup.label: lineup.described for lineup in self.lineups}
        return Manifest(name=self.spec.name, plan=plan, scenarios=scenarios)
