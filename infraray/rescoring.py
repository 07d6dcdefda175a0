"""Rescoring: stored answers played again under changed metrics or a changed parser, without a model.

Each episode starts from its seed in its environment and is given the texts that its agent said. What the
environment makes of them (validity, rewards, score, floor, bound, metrics) is new; what the agent did
(texts, tokens, latencies, messages) is kept. The result is a run of its own beside the old one.

A changed parser can send an episode down another path. The observations tell: an answer is used where the
world looks as it did when the answer was given, and answers that only repeated one that is now understood
are passed over. Where no stored answer fits any more, the rest is played in the order in which it was said,
and the episode is marked as diverged; one whose answers end before it does has failed.
"""

from __future__ import annotations

import json
import math
import shutil
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from rich.console import Console
from rich.progress import track
from rich.table import Table

from infraray.agents import Agent, Turn, load_file
from infraray.environment import MAX_RETRIES
from infraray.episodes import Entry, EpisodePlayer, EpisodeSpec, Trajectory
from infraray.errors import InfrarayError
from infraray.folders import named_path
from infraray.observation import Observation
from infraray.registration import find
from infraray.trajectories.encoding import encode, to_batch, to_json
from infraray.trajectories.episode_reader import Steps, count_episodes, read_episodes
from infraray.trajectories.episode_selection import Selection
from infraray.trajectories.planned import PlannedEpisodes
from infraray.trajectories.reader import Run
from infraray.trajectories.schema import SEGMENT
from infraray.trajectories.store import RunStore, write_manifest
from infraray.trajectories.stored_episode import StoredEpisode, read_json

STORED_ANSWERS = "stored answers"
"""Stands in for the agent's spec while an episode is played again; no spec that can be written."""

_JUDGED = ("status", "score", "floor", "bound", "correct", "safe", "return", "failure")


class AnswersRanOut(Exception):
    """The episode goes on where the stored one had ended."""


class StoredAnswers(Agent):
    """Says what an agent said, as long as the world looks as it did then."""

    def begin(self, steps: Sequence[Mapping[str, Any]]) -> None:
        """Takes the steps of the episode that is played next."""
        self.steps = steps
        self.used: list[int] = []
        """For each step played, the stored step whose answer it got."""
        self.diverged_at: int | None = None
        self._next = 0

    def act(self, observation: Observation) -> Turn:
        """The stored answer, with its tokens and what the agent recorded."""
        if self.diverged_at is None:
            # Answers in a row to the same state are tries after an invalid one.
            ahead = range(self._next, min(self._next + MAX_RETRIES + 1, len(self.steps)))
            fitting = next((index for index in ahead if _looks_like(observation, self.steps[index])), None)
            if fitting is None:
                self.diverged_at = len(self.used)
            else:
                self._next = fitting
        if self._next >= len(self.steps):
            raise AnswersRanOut(f"the stored answers end after {len(self.steps)} steps and the episode does not")
        step = self.steps[self._next]
        self.used.append(self._next)
        self._next += 1
        extra = json.loads(step["extra"]) if step["extra"] is not None else {}
        return Turn(step["action_said"], step["input_tokens"], step["output_tokens"], extra.get("agent"))


class _Replayer(EpisodePlayer):
    """Plays episodes whose agent is `STORED_ANSWERS`; floors have their random agent as ever."""

    def __init__(self, time_limit_s: float) -> None:
        super().__init__(time_limit_s)
        self.answers = StoredAnswers()

    def _borrow_agent(self, entry: Entry) -> Agent:
        return self.answers if entry.agent == STORED_ANSWERS else super()._borrow_agent(entry)

    def replay(self, episode: StoredEpisode, entry: Entry) -> Trajectory:
        """Plays a stored episode again; when and how fast its agent answered stays as it was."""
        row = episode.row
        self.answers.begin(episode.steps)
        trajectory = self.play(EpisodeSpec(replace(entry, agent=STORED_ANSWERS), row["seed"], row["repetition"]))
        steps = [
            step._replace(latency_s=episode.steps[used]["latency_s"])
            for step, used in zip(trajectory.steps, self.answers.used, strict=False)
        ]
        return replace(
            trajectory,
            spec=EpisodeSpec(entry, row["seed"], row["repetition"]),
            steps=steps,
            attempts=row["attempts"],
            started_at=row["started_at"],
            wall_s=row["wall_s"],
        )


@dataclass
class Tally:
    """What rescoring did to the episodes of one agent in one scenario."""

    episodes: int = 0
    changed: int = 0
    diverged: int = 0
    failed_before: int = 0
    failed_now: int = 0
    invalid_before: int = 0
    invalid_after: int = 0
    scores_before: list[float] = field(default_factory=list)
    scores_after: list[float] = field(default_factory=list)
    changes: Counter[str] = field(default_factory=Counter)
    """In how many episodes each thing changed."""


@dataclass(frozen=True)
class Rescoring:
    """What was rescored.

    Args:
        out: the new run's folder.
        tallies: what changed, by (scenario's label, agent).
        left_out: episodes that the run's present plan does not ask for.
        scenarios_left_out: for each scenario that cannot be rescored, by its label, a line that says why.
    """

    out: Path
    tallies: Mapping[tuple[str, str], Tally]
    left_out: int
    scenarios_left_out: Mapping[str, str]

    def total(self, name: str) -> int:
        """A count of `Tally` over all agents."""
        return sum(getattr(tally, name) for tally in self.tallies.values())

    def table(self) -> Table:
        """What changed, one row an agent in a scenario: mean scores and invalid answers before and after."""
        table = Table()
        table.add_column("scenario", overflow="fold")
        table.add_column("agent", overflow="fold")
        for name in ("changed", "diverged", "score", "invalid"):
            table.add_column(name, no_wrap=True)
        table.add_column("what changed", overflow="fold")
        for (label, agent), tally in self.tallies.items():
            table.add_row(
                label,
                agent,
                f"{tally.changed} of {tally.episodes}",
                str(tally.diverged),
                _before_and_after(_mean(tally.scores_before), _mean(tally.scores_after)),
                _before_and_after(str(tally.invalid_before), str(tally.invalid_after)),
                ", ".join(tally.changes),
            )
        return table

    def summary(self) -> str:
        """The counts in one line, and one for each scenario that was left out."""
        left_out = f"; left out: {self.left_out} of an earlier plan" if self.left_out else ""
        scenarios = "".join(f"\nleft out: {why}" for why in self.scenarios_left_out.values())
        return (
            f"{self.total('episodes')} episodes rescored into {self.out}: {self.total('changed')} changed, "
            f"{self.total('diverged')} of them diverged, {self.total('failed_now')} failed now; "
            f"{self.total('failed_before')} that had failed before were copied{left_out}{scenarios}"
        )


def rescore(
    run_dir: str | Path, out: str | Path | None = None, quiet: bool = False, scenario: str | None = None
) -> Rescoring:
    """Plays a run's stored answers again and stores what they score now; the run itself stays as it is.

    Args:
        run_dir: the folder that ``infraray run`` wrote.
        out: the new run's folder; ``RUN-rescored`` by default.
        quiet: show no progress.
        scenario: the run's label of the only scenario that is rescored; by default all that can be.

    Raises:
        InfrarayError: the run cannot be read, none of the scenarios can be replayed, or ``out`` exists.
    """
    run = Run(run_dir)
    Selection(scenario=scenario).check(run)
    target = named_path("--out", out) if out is not None else run.path.with_name(f"{run.path.resolve().name}-rescored")
    if target.exists():
        raise InfrarayError(f"{target}: exists already; delete it or choose another --out")
    manifest, left_out_scenarios = _new_manifest(run, scenario)
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


def _new_manifest(run: Run, only: str | None) -> tuple[dict[str, Any], dict[str, str]]:
    """The new run's ``run.json``, and for each scenario that is left out of it a line that says why.

    Makes every environment once, so that what cannot be replayed is told first.

    Raises:
        InfrarayError: no scenario is left.
    """
    from infraray import __version__

    missing = _import_files(run)
    scenarios, left_out = {}, {}
    for label, scenario in run.manifest["scenarios"].items():
        if only not in (None, label):
            continue
        try:
            environment = find(scenario["id"]).environment_class()(
                **scenario["parameters"], **scenario["options"], level=scenario["level"]
            )
        except InfrarayError as error:
            left_out[label] = f"{label}: {'; '.join([*str(error).splitlines(), *missing])}"
            continue
        blocking = environment.blocking
        environment.close()
        if blocking:
            left_out[label] = (
                f"{label} drives a live system, which does not repeat itself; only simulators are rescored"
            )
        else:
            scenarios[label] = {**scenario, "score": vars(environment.score)}
    if not scenarios:
        raise InfrarayError(f"{run.path}: nothing can be rescored: {'; '.join(left_out.values())}")
    manifest = {
        **run.manifest,
        "name": f"{run.manifest['name']}-rescored",
        "scenarios": scenarios,
        "infraray_version": __version__,
        "rescored_from": str(run.path),
        "rescored_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    return manifest, left_out


def _import_files(run: Run) -> list[str]:
    """Imports the run's own files; returns what is wrong with those that cannot be: not every scenario needs them."""
    wrong = []
    for path in run.manifest.get("plan", {}).get("imports", ()):
        try:
            load_file(path)
        except InfrarayError as error:
            wrong.append(str(error))
    return wrong


def _rescore_all(
    run: Run, episodes: Iterable[tuple[Mapping[str, Any], Steps]], store: RunStore, manifest: Mapping[str, Any]
) -> tuple[dict[tuple[str, str], Tally], int]:
    """What was done to the planned episodes of the scenarios that are rescored, and how many are of no plan."""
    limits = run.manifest.get("plan", {}).get("limits", {})
    replayer = _Replayer(limits.get("episode_s", 300.0))
    entries: dict[tuple[Any, ...], Entry] = {}
    tallies: dict[tuple[str, str], Tally] = {}
    planned = PlannedEpisodes(run.manifest["scenarios"])
    left_out = 0
    for row, steps in episodes:
        label = planned.label(row)
        if label is None:
            left_out += 1
        if label not in manifest["scenarios"]:
            continue
        row = {**row, "scenario_label": label}
        episode = StoredEpisode(row, steps.read())
        tally = tallies.setdefault((row["scenario_label"], row["agent"]), Tally())
        identity = bytes.fromhex(row["episode_id"])
        if row["status"] == "failed":
            tally.failed_before += 1
            store.append(encode(_copy(episode, manifest["name"]), [identity]))
            continue
        # Equal entries are one object: what an entry derives from its parameters is worked out once.
        key = row["scenario_label"], row["agent"], json.dumps(read_json(row["extra"]).get("files"))
        if key not in entries:
            entries[key] = _entry(row, manifest["scenarios"][row["scenario_label"]]["id"])
        trajectory = replayer.replay(episode, entries[key])
        batch = _count(episode, trajectory, replayer.answers, tally, manifest["name"])
        store.append(encode(batch, [identity]))
    return tallies, left_out


def _entry(row: Mapping[str, Any], scenario_id: str) -> Entry:
    """Who played what, as it was planned."""
    return Entry(
        scenario_id,
        read_json(row["parameters"]),
        read_json(row["options"]),
        row["level"],
        row["agent"],
        read_json(row["extra"]).get("files", {}),
        row["scenario_label"],
    )


def _count(
    episode: StoredEpisode, trajectory: Trajectory, answers: StoredAnswers, tally: Tally, name: str
) -> pa.RecordBatch:
    """The rescored episode as a batch of schema `SEGMENT`, counted."""
    before = episode.row
    batch = to_batch(name, [trajectory])
    after = batch.drop_columns(["steps_taken"]).to_pylist()[0]
    ran_out = trajectory.measures is None and str(trajectory.failure).startswith(AnswersRanOut.__name__)
    diverged = answers.diverged_at is not None or ran_out
    changes = [column for column in _JUDGED if not _same(before[column], after[column])]
    if not _same(read_json(before["metrics"]), read_json(after["metrics"])):
        changes.append("metrics")
    if [step["valid"] for step in episode.steps] != [step.info["valid"] for step in trajectory.steps]:
        changes.append("validity")
    if not _same([step["reward"] for step in episode.steps], [step.reward for step in trajectory.steps]):
        changes.append("rewards")
    changed = diverged or bool(changes)
    tally.episodes += 1
    tally.changed += changed
    tally.changes.update(changes)
    tally.diverged += diverged
    tally.failed_now += trajectory.measures is None
    tally.invalid_before += sum(not step["valid"] for step in episode.steps)
    tally.invalid_after += sum(not step.info["valid"] for step in trajectory.steps)
    if before["score"] is not None:
        tally.scores_before.append(before["score"])
    if after["score"] is not None:
        tally.scores_after.append(after["score"])
    rescored = {
        "changed": changes,
        "diverged": diverged,
        "diverged_at_step": answers.diverged_at,
        "answers_passed_over": len(episode.steps) - len(answers.used),
        "score_before": before["score"],
    }
    # The identity and what was spent are the stored episode's, whatever of it was used.
    kept = {
        "episode_id": before["episode_id"],
        "input_tokens": before["input_tokens"],
        "output_tokens": before["output_tokens"],
        "extra": to_json({**json.loads(before["extra"] or "{}"), **json.loads(after["extra"]), "rescored": rescored}),
    }
    for column, value in kept.items():
        position = SEGMENT.get_field_index(column)
        data = pa.array([value], SEGMENT.field(position).type)
        batch = batch.set_column(position, SEGMENT.field(position), data)
    return batch


def _copy(episode: StoredEpisode, name: str) -> pa.RecordBatch:
    """A stored episode as it is, under the new run's name."""
    steps = [{column: step[column] for column in step if column != "episode_id"} for step in episode.steps]
    return pa.RecordBatch.from_pylist([{**episode.row, "run": name, "steps_taken": steps}], schema=SEGMENT)


def _looks_like(observation: Observation, step: Mapping[str, Any]) -> bool:
    """Whether the world looks as it did at a stored step, by its numbers where it has any: words may be reworded."""
    numbers, stored = observation.get("numeric_observation"), step["numeric_observation"]
    if numbers is not None and stored:
        return len(numbers) == len(stored) and bool(np.allclose(numbers, stored, rtol=1e-9, atol=0, equal_nan=True))
    return bool(observation.get("text_observation") == step["text_observation"])


def _same(before: Any, after: Any) -> bool:
    """Equal, up to the last digits of a number."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return before.keys() == after.keys() and all(_same(before[name], after[name]) for name in before)
    if isinstance(before, list) and isinstance(after, list):
        return len(before) == len(after) and all(map(_same, before, after))
    if isinstance(before, float) and isinstance(after, int | float):
        return math.isclose(before, after, rel_tol=1e-9)
    return bool(before == after)


def _before_and_after(before: str, after: str) -> str:
    return before if before == after else f"{before} → {after}"


def _mean(scores: Sequence[float]) -> str:
    return f"{sum(scores) / len(scores):.6g}" if scores else "-"
