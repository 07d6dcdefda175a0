"""Probing agents: its file, its folder, the cluster, the rounds, and a summary.

A probe's folder is a run's (`infraray.trajectories.store`) with one file more:

runs/NAME/rounds.jsonl    the journal: which tasks each round has drawn for whom, written before they are played

Everything else follows: which of these episodes are collected, which are owed, and which round is next.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from infraray.actors.cluster import ray_cluster
from infraray.curriculum.losses import collected_losses
from infraray.curriculum.probe_file import ProbeSpec
from infraray.curriculum.probe_plan import ProbeMaker
from infraray.curriculum.probing import Outcomes, Round
from infraray.curriculum.progress import ProbeProgress
from infraray.curriculum.rounds import ENDED, drawn, read_rounds
from infraray.curriculum.rounds import asked as asked_first
from infraray.errors import InfrarayError
from infraray.folders import chosen_folder
from infraray.runs.owed import Owed
from infraray.summary import note_start
from infraray.trajectories.journal import ROUNDS, Journal
from infraray.trajectories.store import RunStore, collected, open_folder
from infraray.user_file import find_modules_here


@dataclass(frozen=True)
class ProbeSummary:
    """What became of a probe.

    Args:
        folder: the probe's.
        stopped: why episodes are still owed, one line each; empty if the probe is complete.
    """

    folder: Path
    stopped: tuple[str, ...] = ()


def probe(
    asked: ProbeSpec | Mapping[str, Any] | str | Path, out: str | Path | None = None, quiet: bool = False
) -> ProbeSummary:
    """Probes agents for the regions of tasks that break them; what is collected is not played again.

    Args:
        asked: a `ProbeSpec`, the same as a mapping, or the path of a YAML file.
        out: the probe's folder; ``runs/NAME`` by default.
        quiet: show no progress.

    Raises:
        InfrarayError: the probe is not valid, its folder holds another, or Ray cannot be reached.
    """
    spec = ProbeSpec.of(asked)
    find_modules_here()
    maker = ProbeMaker(spec, here=not os.environ.get("RAY_ADDRESS"))
    folder = chosen_folder("probe", spec.name, out)
    open_folder(folder, spec.name)
    progress = ProbeProgress(Console(stderr=True, quiet=quiet))
    with Journal(folder / ROUNDS) as journal:
        if not journal.events:
            journal.append(asked_first(spec.identity()))
        _check_same(journal.events[0]["asked"], folder, spec)
        rounds = read_rounds(journal.events, maker.agents)

        def following(is_start: bool = False) -> Owed | None:
            """What is owed of the rounds that follow; None if no round does."""
            while _go_on(maker, rounds, folder, journal):
                owed = Owed(maker.plan(rounds, is_start), collected(folder))
                if owed.total:
                    progress.begin(rounds, owed)
                    return owed
            return None

        with closing(RunStore(folder)) as store:
            for line in store.repairs:
                progress.notice(line)
        owed = Owed(maker.plan(rounds, True), collected(folder)) if any(rounds.values()) else None
        if owed is not None and owed.total:
            progress.begin(rounds, owed)
        else:
            owed = following(is_start=True)
        if owed is not None:
            return ProbeSummary(folder, _play(owed, folder, spec.workers, progress, following))
        with closing(RunStore(folder)) as store:
            note_start(maker.plan(rounds, True), folder)
            store.finish()
        return ProbeSummary(folder)


def _play(
    owed: Owed, folder: Path, workers: int | None, progress: ProbeProgress, following: Callable[[], Owed | None]
) -> tuple[str, ...]:
    """Plays what is owed and what follows; returns why something still is owed."""
    with ray_cluster(workers):
        # Ray reads its settings when it is imported, which `ray_cluster` prepares.
        from infraray.actors.scheduler import Scheduler

        summary = Scheduler(owed, folder, progress, following).run()
    return tuple(summary.stopped) or (("episodes are still owed",) if summary.owed else ())


def _go_on(maker: ProbeMaker, rounds: Mapping[str, list[Round]], folder: Path, journal: Journal) -> bool:
    """Draws the rounds that follow for each agent; whether there are any."""
    losses = collected_losses(folder) if any(rounds.values()) else {}
    is_under_way = False
    for agent, of_agent in rounds.items():
        following = maker.probing(agent).next_rounds(of_agent, _outcomes(maker, agent, of_agent, losses))
        if following:
            journal.append(drawn(agent, following))
            of_agent += following
            is_under_way = True
    if not is_under_way and journal.events[-1] != ENDED:
        journal.append(ENDED)
    return is_under_way


def _outcomes(maker: ProbeMaker, agent: str, rounds: Sequence[Round], losses: Mapping[str, float | None]) -> Outcomes:
    return [[losses[maker.episode(agent, task).id.hex()] for task in one.tasks] for one in rounds]


def _check_same(before: Mapping[str, Any], folder: Path, spec: ProbeSpec) -> None:
    """Refuses a folder that holds another probe.

    Raises:
        InfrarayError: it does.
    """
    for field, value in spec.identity().items():
        if (found := before.get(field)) != value:
            held, wanted = json.dumps(found), json.dumps(value)
            raise InfrarayError(f"{folder}: holds a probe with {field}: {held}, not {wanted}; choose another --out")
