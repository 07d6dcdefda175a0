"""The record of a rollout: an episode like any other, with what a trainer learns from.

A rollout is identified by its task, the weights that play it, its group and its place in the group. So a step of a
training that was killed finds what its weights have played already, and plays what is owed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

import pyarrow as pa

from infraray.episodes import Entry, EpisodeSpec, Trajectory, scenario_code
from infraray.registration import find
from infraray.training.played import Played
from infraray.training.rewards import parts_of, reward_of
from infraray.training.rollout import Rolled
from infraray.training.sequences import TokenSequence, Versions
from infraray.training.step_credit import EpisodeSteps, state_of
from infraray.training.task import TrainingTask

COLUMNS = ("episode_id", "agent", "extra", "rollout")
"""The columns of an episode from which its `RolloutRecord` is read."""


@dataclass(frozen=True)
class Weights:
    """The policy's weights at a step of a training.

    Args:
        training: the training's name.
        version: updates since the beginning.
        made_by: the start of the training that made the last update: one that goes on from an older checkpoint makes
            other weights of the same version.
    """

    training: str
    version: int
    made_by: int

    @property
    def agent(self) -> str:
        """How the record of an episode names them."""
        return f"policy:{self.training}?version={self.version}&start={self.made_by}"


def rollout_spec(task: TrainingTask, label: str, weights: Weights, group: str, session: int) -> EpisodeSpec:
    """The identity of a rollout.

    Args:
        task: what is played.
        label: the training's name for the scenario with these parameters.
        weights: who plays.
        group: the rollouts with which it is compared; of one task, by the same weights.
        session: its place in the group, from 0.
    """
    entry = _entry(task.model_copy(update={"seed": 0}).model_dump_json(), label, weights, group)
    return EpisodeSpec(entry, task.seed, session)


@lru_cache(maxsize=256)
def _entry(task_json: str, label: str, weights: Weights, group: str) -> Entry:
    task = TrainingTask.parse_json(task_json)
    environment = task.make_environment()
    entry = Entry.vacant(environment, find(task.scenario).id, label).played_by(weights.agent)
    # What a run asks an engine's model is part of the agent's spec; here, of what serves it.
    asked = {"chat": task.chat, "reward": task.reward, "unsafe_penalty": task.unsafe_penalty, "group": group}
    code = {"scenario": scenario_code(environment)}
    environment.close()
    return replace(entry, engine=asked, code=code)


def rollout_trajectory(
    spec: EpisodeSpec,
    task: TrainingTask,
    rolled: Rolled,
    group: str,
    attempts: int,
    started_at: datetime,
    wall_s: float,
) -> Trajectory:
    """The episode as the collector stores it, with everything that the trainer is given.

    Args:
        spec: its identity.
        task: what was played.
        rolled: how.
        group: see `rollout_spec`.
        attempts: times that it was begun; 0 if a run has played it before.
        started_at: when the last attempt began.
        wall_s: its duration in seconds.
    """
    played = rolled.played
    figures = {
        **_figures(played),
        "environment_failures": float(max(0, attempts - 1)),
        "recorded": float(attempts == 0),
        "answers": float(rolled.answers),
        "generating_s": rolled.generating_s,
        "waiting_s": rolled.waiting_s,
    }
    return Trajectory(
        spec=spec,
        steps=rolled.steps,
        measures=played.measures,
        floor=played.floor,
        bound=played.bound,
        higher_is_better=played.higher_is_better,
        attempts=attempts,
        started_at=started_at,
        wall_s=wall_s,
        failure=played.measures.failure,
        rollout={
            "group": group,
            "reward": reward_of(played, task.reward, task.unsafe_penalty),
            "ending": played.ending,
            "sequences": [_stored(sequence) for sequence in rolled.sequences],
        },
        extra={
            "rollout": figures,
            "rollout_steps": {
                "states": [state_of(step.observation) for step in rolled.steps],
                "rewards": parts_of(played, task.reward, task.unsafe_penalty),
            },
        },
    )


@dataclass(frozen=True)
class RolloutRecord:
    """A rollout as it was collected.

    Args:
        reward: of the whole episode.
        ending: what ended it (`infraray.training.played.Ending`).
        group: the rollouts with which it is compared.
        sequences: what the trainer learns from; none if the policy generated nothing.
        figures: what is averaged and filtered by; NaN where the scenario does not define one.
        steps: for step-wise credit; none in a record of an older version.
    """

    reward: float
    ending: str
    group: str
    sequences: tuple[TokenSequence, ...]
    figures: Mapping[str, float]
    steps: EpisodeSteps

    @classmethod
    def read(cls, batch: pa.RecordBatch) -> RolloutRecord:
        """The record of a stored episode.

        Args:
            batch: its row, with `COLUMNS`.
        """
        (row,) = batch.select(["extra", "rollout"]).to_pylist()
        rollout = row["rollout"]
        extra = json.loads(row["extra"])
        return cls(
            reward=rollout["reward"],
            ending=rollout["ending"],
            group=rollout["group"],
            sequences=tuple(_read(sequence) for sequence in rollout["sequences"]),
            figures={name: math.nan if value is None else value for name, value in extra["rollout"].items()},
            steps=EpisodeSteps.read(extra.get("rollout_steps")),
        )


def _figures(played: Played) -> dict[str, float]:
    measures = played.measures
    return {
        "score": float(measures.score),
        "normalized_score": played.normalized_score,
        "correct": math.nan if measures.correct is None else float(measures.correct),
        "safe": math.nan if measures.safe is None else float(measures.safe),
        "steps": float(len(played.steps)),
        "invalid_actions": float(played.invalid),
        "unsafe_steps": float(played.unsafe),
    }


def _stored(sequence: TokenSequence) -> dict[str, Any]:
    versions = sequence.versions
    return {
        "prompt_ids": sequence.prompt_ids,
        "response_ids": sequence.response_ids,
        "response_mask": sequence.response_mask,
        "response_logprobs": sequence.response_logprobs,
        "answer_steps": sequence.answer_steps,
        "oldest_version": None if versions is None else versions.oldest,
        "newest_version": None if versions is None else versions.newest,
    }


def _read(stored: Mapping[str, Any]) -> TokenSequence:
    logprobs, oldest, newest = (stored[name] for name in ("response_logprobs", "oldest_version", "newest_version"))
    return TokenSequence(
        prompt_ids=tuple(stored["prompt_ids"]),
        response_ids=tuple(stored["response_ids"]),
        response_mask=tuple(stored["response_mask"]),
        response_logprobs=None if logprobs is None else tuple(logprobs),
        answer_steps=tuple(stored["answer_steps"]),
        versions=None if oldest is None or newest is None else Versions(oldest, newest),
    )
