"""A probe's report as data: everything that the table, the page and the file show."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from infraray.curriculum.losses import collected_losses
from infraray.curriculum.probe_plan import label_of
from infraray.curriculum.probing import AgentVerdict, Round, judge
from infraray.curriculum.rounds import ENDED, read_rounds
from infraray.curriculum.tasks import DrawnTask
from infraray.episodes import episode_id
from infraray.errors import InfrarayError
from infraray.folders import holds, named_path
from infraray.provenance import describe
from infraray.reports.notation import count_of
from infraray.trajectories.journal import ROUNDS, read_journal
from infraray.trajectories.manifest import Manifest
from infraray.trajectories.reader import Run
from infraray.trajectories.store import read_repairs


@dataclass(frozen=True)
class PhaseRow:
    """One phase of an agent's probe.

    Args:
        agent: its spec.
        phase: survey, search or confirmation.
        tasks: drawn.
        played: of these, collected.
        loss: the mean of those with a loss; NaN without any.
    """

    agent: str
    phase: str
    tasks: int
    played: int
    loss: float


@dataclass(frozen=True)
class AgentReport:
    """One agent.

    Args:
        agent: its spec.
        verdict: what was found; None while the survey is under way. Without regions while they are being confirmed.
        phases: those that were begun.
        unscored: tasks without a loss, since nothing was to be gained there.
    """

    agent: str
    verdict: AgentVerdict | None
    phases: tuple[PhaseRow, ...]
    unscored: int

    @property
    def owed(self) -> int:
        """Tasks that are drawn and not collected."""
        return sum(phase.tasks - phase.played for phase in self.phases)


@dataclass(frozen=True)
class ProbeReport:
    """A probe's report.

    Args:
        manifest: what ``run.json`` holds.
        scenario: the scenario's name.
        agents: those that were probed.
        is_complete: whether no round follows.
        origin: command, code, versions, machine and times, one line each.
        repairs: damage found in the folder since it was made, one line each.
        files: what was written, by kind (html, regions); empty before.
    """

    manifest: Manifest
    scenario: str
    agents: tuple[AgentReport, ...]
    is_complete: bool
    origin: tuple[str, ...] = ()
    repairs: tuple[str, ...] = ()
    files: Mapping[str, Path] | None = None

    @property
    def name(self) -> str:
        """The probe's name."""
        return self.manifest.name

    @property
    def created_at(self) -> str:
        """When it was begun, ISO 8601."""
        return self.manifest.created_at

    @property
    def infraray_version(self) -> str:
        """The version of the installation that began it."""
        return self.manifest.infraray_version

    @property
    def owed(self) -> int:
        """Episodes that are drawn and not collected."""
        return sum(agent.owed for agent in self.agents)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader must know before believing the table, one sentence each."""
        found = []
        if not self.is_complete:
            owed = f"{count_of(self.owed, 'episode')} owed; " if self.owed else ""
            found.append(f"Unfinished: {owed}give the same command again to go on.")
        found += [
            f"{agent.agent}: {count_of(agent.unscored, 'task')} left out, with equal or unknown floor and bound."
            for agent in self.agents
            if agent.unscored
        ]
        return (*found, *(f"Damage was found in {line}." for line in self.repairs))


def probe_report(folder: str | Path) -> ProbeReport:
    """Evaluates a probe.

    Raises:
        InfrarayError: the folder holds no probe, or one without any episode.
    """
    path = named_path("probe", folder)
    if not holds(path, "probe"):
        raise InfrarayError(f"{folder}: holds no probe; give the folder that 'infraray probe' wrote")
    if not (path / "run.json").exists():
        raise InfrarayError(f"{folder}: nothing to report: no episode is collected; give the same command again")
    run = Run(path)
    manifest = run.manifest
    if manifest.probe is None:
        raise InfrarayError(f"{folder}: run.json does not describe a probe; give the same command again")
    losses = collected_losses(path)
    events = read_journal(path / ROUNDS)
    rounds = read_rounds(events, manifest.probe.agents)
    scenario = manifest.probe.scenario
    agents = tuple(_agent(manifest, scenario, agent, of_agent, losses) for agent, of_agent in rounds.items())
    if not any(phase.played for agent in agents for phase in agent.phases):
        raise InfrarayError(f"{folder}: nothing to report: no episode is collected; give the same command again")
    return ProbeReport(
        manifest,
        scenario,
        agents,
        events[-1] == ENDED and not any(agent.owed for agent in agents),
        tuple(describe(manifest.sessions)),
        tuple(read_repairs(path)),
    )


def _agent(
    manifest: Manifest, scenario: str, agent: str, rounds: Sequence[Round], losses: Mapping[str, float | None]
) -> AgentReport:
    ids = [[_id(manifest, label_of(scenario, agent, task), agent, task) for task in one.tasks] for one in rounds]
    outcomes = [[losses.get(identity) for identity in of_round] for of_round in ids]
    complete = [all(identity in losses for identity in of_round) for of_round in ids]
    verdict = None
    if complete and complete[0]:
        # A round that is under way is left out: what ends early is not what ends late.
        last = len(rounds) if all(complete) else 1
        verdict = judge(rounds[:last], outcomes[:last])
    phases = []
    for phase in dict.fromkeys(one.phase for one in rounds):
        of_phase = [place for place, one in enumerate(rounds) if one.phase == phase]
        known = [loss for place in of_phase for loss in outcomes[place] if loss is not None]
        tasks = sum(len(ids[place]) for place in of_phase)
        played = sum(identity in losses for place in of_phase for identity in ids[place])
        phases.append(PhaseRow(agent, phase, tasks, played, sum(known) / len(known) if known else math.nan))
    unscored = sum(losses.get(identity, 0.0) is None for of_round in ids for identity in of_round)
    return AgentReport(agent, verdict, tuple(phases), unscored)


def _id(manifest: Manifest, label: str, agent: str, task: DrawnTask) -> str:
    """The episode's id; "" for a round that was drawn and not begun."""
    planned = manifest.scenarios.get(label)
    if planned is None or agent not in planned.digests:
        return ""
    return episode_id(bytes.fromhex(planned.digests[agent]), task.seed, 0).hex()
