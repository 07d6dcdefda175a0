"""Runs as `infraray run` leaves them, without Ray."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from infraray.actors.rollout import pack
from infraray.episodes import Entry, EpisodePlayer, EpisodeSpec, Trajectory
from infraray.registration import find
from infraray.training.task import TrainingTask
from infraray.trajectories.manifest import Manifest, PlannedScenario
from infraray.trajectories.store import RunStore, write_manifest


def entry_of(task: TrainingTask, agent: str, label: str = "played") -> Entry:
    environment = task.make_environment()
    return Entry.vacant(environment, find(task.scenario).id, label).played_by(agent)


def record(folder: Path, task: TrainingTask, agents: Iterable[str], seeds: Iterable[int], repetitions: int = 1) -> Path:
    """Plays a task's kind with agents and stores it."""
    entries = [entry_of(task, agent) for agent in agents]
    player = EpisodePlayer(300.0)

    async def play() -> list[Trajectory]:
        return [
            await player.converse(EpisodeSpec(entry, seed, repetition))
            for entry in entries
            for seed in seeds
            for repetition in range(repetitions)
        ]

    return store(folder, task, entries, asyncio.run(play()))


def store(folder: Path, task: TrainingTask, entries: list[Entry], trajectories: list[Trajectory]) -> Path:
    """Writes a run's folder."""
    environment = task.make_environment()
    described: Any = PlannedScenario.of(find(task.scenario), environment, entries, (0,))
    write_manifest(folder, Manifest(name="recorded", scenarios={"played": described}))
    opened = RunStore(folder)
    opened.append(pack("recorded", trajectories)[1])
    opened.close()
    return folder
