"""Emphasis: tasks for training from the regions that a probe says break an agent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from infraray.curriculum.probe_file import ProbeSpec
from infraray.curriculum.regions import Region
from infraray.curriculum.report.probe_report import probe_report
from infraray.curriculum.scenario_tasks import ScenarioTasks
from infraray.errors import InfrarayError, did_you_mean
from infraray.registration import find
from infraray.user_file import load_file


@dataclass(frozen=True)
class EmphasizedTask:
    """A task as a training's data set names it.

    Args:
        parameters: the scenario's, those of the probe's preset included.
        level: its difficulty.
        seed: its seed.
    """

    parameters: dict[str, Any]
    level: int
    seed: int


class Emphasis:
    """Draws tasks of the regions that break an agent, each region as often as the others.

    Args:
        folder: the probe's.
        agent: whose regions; None if the probe has one agent.

    Raises:
        InfrarayError: the folder holds no finished probe, the agent was not probed, or no region breaks it.
    """

    def __init__(self, folder: str | Path, agent: str | None = None) -> None:
        report = probe_report(folder)
        agents = {one.agent: one for one in report.agents}
        if not report.is_complete:
            raise InfrarayError(f"{folder}: the probe is not finished; give its command again")
        if agent is None and len(agents) > 1:
            raise InfrarayError(f"{folder}: has several agents; name one of {', '.join(agents)}")
        if agent is not None and agent not in agents:
            raise InfrarayError(f"agent={agent!r}: was not probed in {folder}; {did_you_mean(agent, agents)}")
        found = agents[agent or next(iter(agents))]
        regions = found.verdict.regions if found.verdict is not None else ()
        self.regions: tuple[Region, ...] = tuple(one.region for one in regions if one.breaks)
        if not self.regions:
            raise InfrarayError(f"{folder}: no region breaks {found.agent}; train without emphasis")
        spec = ProbeSpec.parse(report.manifest.plan.model_dump(mode="json"))
        for path in spec.imports:
            load_file(path)
        self.registration = find(spec.probe)
        """The scenario's."""
        self._tasks = ScenarioTasks(self.registration, spec.preset, spec.parameters, spec.level, spec.knobs)

    def draw(self, random: Random, seeds: Sequence[int]) -> EmphasizedTask:
        """Draws a task of a region.

        Args:
            random: the source of randomness.
            seeds: those that may be trained on.

        Raises:
            InfrarayError: none of them has a task in the region.
        """
        region = random.choice(self.regions)
        task = self._tasks.space.draw(random, region, seeds)
        if task is None:
            raise InfrarayError(f"seeds: none of them draws a task with {region}; give more")
        level, parameters = self._tasks.parsed(task.setting)
        return EmphasizedTask(parameters.model_dump(mode="json"), level, task.seed)
