"""Rescores a run: plays its stored answers again and writes a separate run beside the old one."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from infraray.episodes import Entry
from infraray.errors import InfrarayError
from infraray.folders import named_path
from infraray.rescoring.batches import copied, rescored
from infraray.rescoring.changes import find_changes
from infraray.rescoring.manifest import environment_of, new_manifest
from infraray.rescoring.replay import Replayer
from infraray.rescoring.result import Rescoring, Tally
from infraray.trajectories.encoding import encode, to_batch
from infraray.trajectories.episode_reader import Steps, count_episodes, read_episodes
from infraray.trajectories.episode_selection import Selection
from infraray.trajectories.manifest import Manifest, PlannedScenario
from infraray.trajectories.planned import PlannedEpisodes
from infraray.trajectories.reader import Run
from infraray.trajectories.store import RunStore, write_manifest
from infraray.trajectories.stored_episode import StoredEpisode, read_json


def rescore(
    run_dir: str | Path, out: str | Path | None = None, quiet: bool = False, scenario: str | None = None
) -> Rescoring:
    """Plays a run's stored answers again and stores their new scores; the run itself is unchanged.

    Args:
        run_dir: the folder that ``infraray run`` wrote.
        out: the new run's folder; ``RUN-rescored`` by default.
        quiet: show no progress.
        scenario: the run's label of the only scenario to rescore; by default, all that can be.

    Raises:
        InfrarayError: the run cannot be read, none of the scenarios can be replayed, or ``out`` exists.
    """
    run = Run(run_dir)
    Selection(scenario=scenario).check(run)
    beside = run.path.with_name(f"{run.path.resolve().name}-rescored")
    target = named_path("--out", beside if out is None else out)
    if target.exists():
        raise InfrarayError(f"{target}: exists already; delete it or choose another --out")
    manifest, left_out_scenarios = new_manifest(run, scenario)
    console = Console(file=sys.stderr, quiet=quiet)
    episodes = track(
        read_episodes(run),
        "rescoring",
        total=count_episodes(run),
        console=console,
        disable=not console.is_terminal,
    )
    store = RunStore(target)
    try:
        tallies, left_out = _rescore_all(run, episodes, store, manifest)
        store.finish()
        write_manifest(target, manifest)
    except BaseException:
        # Half a run would pass for a whole one.
        store.close()
        shutil.rmtree(target, ignore_errors=True)
        raise
    store.close()
    return Rescoring(target, tallies, left_out, left_out_scenarios)


def _rescore_all(
    run: Run, episodes: Iterable[tuple[Mapping[str, Any], Steps]], store: RunStore, manifest: Manifest
) -> tuple[dict[tuple[str, str], Tally], int]:
    """The results for the planned episodes of the rescored scenarios, and the number of episodes outside the plan."""
    replayer = Replayer(run.manifest.plan.limits.get("episode_s", 300.0))
    entries: dict[tuple[Any, ...], Entry] = {}
    tallies: dict[tuple[str, str], Tally] = {}
    planned = PlannedEpisodes(run.manifest.scenarios)
    left_out = 0
    for row, steps in episodes:
        label = planned.label(row)
        if label is None:
            left_out += 1
        if label not in manifest.scenarios:
            continue
        row = {**row, "scenario_label": label}
        episode = StoredEpisode(row, steps.read())
        tally = tallies.setdefault((row["scenario_label"], row["agent"]), Tally())
        identity = bytes.fromhex(row["episode_id"])
        if row["status"] == "failed":
            tally.failed_before += 1
            store.append(encode(copied(episode, manifest.name), [identity]))
            continue
        # Equal entries are one object: values derived from an entry's parameters are computed once.
        key = row["scenario_label"], row["agent"], json.dumps(read_json(row["extra"]).get("files"))
        if key not in entries:
            entries[key] = _entry(row, manifest.scenarios[row["scenario_label"]])
        trajectory = replayer.replay(episode, entries[key])
        batch = to_batch(manifest.name, [trajectory])
        after = batch.drop_columns(["steps_taken"]).to_pylist()[0]
        changes = find_changes(episode, after, trajectory, replayer.answers)
        tally.add(episode, after, trajectory, changes)
        store.append(encode(rescored(batch, after, episode, replayer.answers, changes), [identity]))
    return tallies, left_out


def _entry(row: Mapping[str, Any], scenario: PlannedScenario) -> Entry:
    """The entry of a stored episode, as it was planned."""
    tasks = Entry.vacant(environment_of(scenario), scenario.id, row["scenario_label"])
    return tasks.played_by(row["agent"], read_json(row["extra"]).get("files"))
