"""The plan of a probe: the tasks that its rounds have drawn so far, as episodes of a run."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from random import Random

from infraray.agents import Agent, find_agent_kind, load_agent, parse_agent
from infraray.curriculum.earlier import earlier
from infraray.curriculum.probe_file import ProbeSpec
from infraray.curriculum.probing import Effort, Probing, Round
from infraray.curriculum.regions import said
from infraray.curriculum.samplers import make_sampler
from infraray.curriculum.scenario_tasks import ScenarioTasks
from infraray.curriculum.tasks import DrawnTask
from infraray.environment import Environment
from infraray.episodes import Entry, EpisodeSpec, task_files
from infraray.errors import InfrarayError, without_secrets
from infraray.parameters import file_sha256
from infraray.runs.plan import Lineup, Plan
from infraray.runs.planning import make_plan
from infraray.space.values import canonical_text
from infraray.trajectories.manifest import Manifest, ProbeRecord, WrittenPlan
from infraray.user_code import guarded


@dataclass(frozen=True)
class ProbePlan(Plan):
    """The plan of all rounds so far.

    Args:
        asked: what the probe asks.
    """

    asked: ProbeSpec = dataclasses.field(kw_only=True)

    def manifest(self) -> Manifest:
        """As a run's, with what the probe asks; no leaderboards, since each agent has tasks of its own."""
        made = super().manifest()
        plan = WrittenPlan.model_validate(without_secrets(self.asked.model_dump(mode="json")))
        agents = dict.fromkeys(entry.agent for lineup in self.lineups for entry in lineup.entries)
        probe = ProbeRecord(scenario=self.lineups[0].registration.name, agents=tuple(agents))
        scenarios = {label: one.model_copy(update={"of_search": True}) for label, one in made.scenarios.items()}
        return made.model_copy(update={"plan": plan, "probe": probe, "scenarios": scenarios})


class ProbeMaker:
    """Makes the plans of a probe; every name is resolved once.

    Args:
        spec: the probe.
        here: whether this machine will play it; see `infraray.runs.planning.make_plan`.

    Raises:
        InfrarayError: a line for everything that prevents it from being played.
    """

    def __init__(self, spec: ProbeSpec, here: bool) -> None:
        self.spec = spec
        self.base = make_plan(spec.as_run(), here)
        (lineup,) = self.base.lineups
        self.registration = lineup.registration
        self.agents = tuple(entry.agent for entry in lineup.entries)
        for position, agent in enumerate(self.agents):
            with spec.explaining("agents", min(position, len(spec.agents) - 1)):
                if find_agent_kind(parse_agent(agent).kind).needs_engine:
                    raise InfrarayError("engines are started by runs only; name a server, as in chat:MODEL@URL")
        with spec.explaining("knobs"), guarded(f"scenario {spec.probe}"):
            self.tasks = ScenarioTasks(self.registration, spec.preset, spec.parameters, spec.level, spec.knobs)
            self.tasks.space.draw(Random(0))  # refuses knobs that never go together
        with spec.explaining("sampler"):
            self.sampler = make_sampler(spec.sampler)
            if (problem := self.sampler.problem(self.tasks.space)) is not None:
                raise InfrarayError(f"{spec.sampler}: {problem}")
        with spec.explaining("start"):
            self._before = (
                {} if spec.start is None else earlier(spec.start, self.tasks, lineup.environment.options(), self.agents)
            )
        self._imported = {path: file_sha256(path) for path in spec.imports}
        self._entries: dict[tuple[str, str], tuple[Environment, Entry]] = {}

    def probing(self, agent: str) -> Probing:
        """The rounds of an agent."""
        effort, before = Effort.of(self.spec.episodes), self._before.get(agent, ())
        return Probing(self.tasks.space, self.sampler, effort, self.spec.seed, agent, before)

    def plan(self, rounds: Mapping[str, Sequence[Round]], is_start: bool) -> ProbePlan:
        """The plan of the rounds of each agent.

        Raises:
            InfrarayError: a setting leaves nothing to score.
        """
        lineups: list[Lineup] = []
        for agent, of_agent in rounds.items():
            by_setting: dict[str, list[DrawnTask]] = {}
            for task in (task for one in of_agent for task in one.tasks):
                by_setting.setdefault(canonical_text(task.setting), []).append(task)
            for tasks in by_setting.values():
                environment, entry = self.entry(agent, tasks[0])
                seeds = tuple(dict.fromkeys(task.seed for task in tasks))
                lineups.append(Lineup(entry.label, self.registration, environment, (entry,), seeds, 1))
        base = self.base
        return ProbePlan(base.spec, tuple(lineups), base.sources, base.engines, is_start=is_start, asked=self.spec)

    def episode(self, agent: str, task: DrawnTask) -> EpisodeSpec:
        """The episode of an agent on a task."""
        return EpisodeSpec(self.entry(agent, task)[1], task.seed, 0)

    def entry(self, agent: str, task: DrawnTask) -> tuple[Environment, Entry]:
        """The environment and the entry of an agent on tasks with this setting."""
        key = agent, canonical_text(task.setting)
        if key not in self._entries:
            spec, (base,) = self.spec, self.base.lineups
            level, parameters = self.tasks.split(task.setting)
            with guarded(f"scenario {spec.probe}"):
                options = base.environment.options()
                made = self.registration.environment_class()(**options, level=level, preset=spec.preset, **parameters)
                if (problem := made.unscored("max_episode_steps")) is not None:
                    raise InfrarayError(problem)
                files = task_files(made, self.registration.id, self._imported)
                label = label_of(self.registration.name, agent, task)
                entry = Entry.of(made, self.registration.id, agent, self._agents[agent], files, label)
            self._entries[key] = made, entry
        return self._entries[key]

    @cached_property
    def _agents(self) -> dict[str, Agent]:
        return {agent: load_agent(parse_agent(agent), self.registration.id) for agent in self.agents}


def label_of(scenario: str, agent: str, task: DrawnTask) -> str:
    """The run's name for the tasks of an agent with one setting."""
    setting = "".join(f" {name}={said(value)}" for name, value in task.setting.items())
    return f"{scenario}{setting} ({agent})"
