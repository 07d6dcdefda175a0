"""verl's trainer with an eye on it: the figures of each step, and a stop where engine and trainer disagree.

Everything that trains is verl's. What is added around it: before each update the engine's probabilities are compared
with the trainer's, since a policy that is updated with probabilities of other tokens than were drawn is ruined without
an error; an update is made of as many episodes, however many rows they have; a group of which no rollout is left counts
as failed, since verl takes it for finished and then stops on it; where step-wise credit is asked for, it is added to
the advantages; and the figures of each step go to the collector.
"""

# mypy: disable-error-code="import-not-found"
from __future__ import annotations

import math
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import ray
import torch
import transfer_queue as tq
import verl.trainer.ppo.v1 as v1
from omegaconf import open_dict
from tensordict import TensorDict
from verl.trainer.constants_ppo import get_ppo_ray_runtime_env
from verl.trainer.main_ppo import TaskRunnerV1
from verl.trainer.ppo.v1.replay_buffer import ReplayBuffer

from infraray.errors import InfrarayError
from infraray.training.collected import find_collector
from infraray.training.figures import SHARED_STATES, step_figures
from infraray.training.grpo_file import StepCreditSection
from infraray.training.step_credit import EpisodeSteps, shared_share, step_advantages

DIFFERENCE = "training/rollout_probs_diff_mean"


class Watched:
    """A mixin for verl's trainers.

    Set before the training begins: ``collector``, a handle, and ``max_difference``, the mean difference between the
    engine's and the trainer's probabilities of the generated tokens at which the training stops; ``step_credit``, None
    for that of whole episodes alone; ``takes_recorded``, whether rollouts of a run, which the base policy played, are
    among the others: while they are, probabilities must differ.
    """

    collector: Any = None
    max_difference: float = math.inf
    step_credit: StepCreditSection | None = None
    takes_recorded: bool = False

    def _build_replay_buffer(self) -> Any:
        buffer = super()._build_replay_buffer()  # type: ignore[misc]
        buffer.__class__ = type("GroupsWithRows", (_GroupsWithRows, type(buffer)), {})
        return buffer

    def _balance_batch(self, batch: Any, *arguments: Any, **named: Any) -> Any:
        # verl cuts a batch into updates by rows, counted as if every episode were one: memory that forgets would turn
        # one update into many.
        actor, episodes = self.config.actor_rollout_ref.actor, self._episodes_per_batch  # type: ignore[attr-defined]
        with open_dict(self.config):  # type: ignore[attr-defined]
            actor.ppo_mini_batch_size = self._prompts_per_update * max(1, math.ceil(len(batch) / episodes))
        return super()._balance_batch(batch, *arguments, **named)  # type: ignore[misc]

    @cached_property
    def _prompts_per_update(self) -> int:
        """As configured, before the first batch."""
        return int(self.config.actor_rollout_ref.actor.ppo_mini_batch_size)  # type: ignore[attr-defined]

    @cached_property
    def _episodes_per_batch(self) -> int:
        sampled = self.config.data.train_batch_size // self.parameter_sync_step  # type: ignore[attr-defined]
        return int(sampled * self.config.actor_rollout_ref.rollout.n)  # type: ignore[attr-defined]

    def _compute_old_log_prob(self, batch: Any, metrics: dict[str, Any]) -> Any:
        batch = super()._compute_old_log_prob(batch, metrics)  # type: ignore[misc]
        difference = metrics.get(DIFFERENCE)
        if difference is not None and not difference <= self.max_difference and not self._has_recorded(batch):
            raise InfrarayError(
                f"max_probability_difference={self.max_difference:g}: engine and trainer differ by {difference:.4f} "
                f"on average in the probability of a generated token, at step {self.global_steps}; "  # type: ignore[attr-defined]
                "this step's update was not made; look for a difference in precision or template, or allow more"
            )
        return batch

    def _has_recorded(self, batch: Any) -> bool:
        """Whether a batch has rollouts that older weights have played on purpose."""
        versions = [tag.get("min_global_steps") for tag in batch.tags] if self.takes_recorded else []
        return any(version is not None and version < self.global_steps - 1 for version in versions)  # type: ignore[attr-defined]

    def _compute_advantage(self, batch: Any, metrics: dict[str, Any]) -> Any:
        batch = super()._compute_advantage(batch, metrics)  # type: ignore[misc]
        if self.step_credit is None:
            return batch
        asked = {"keys": batch.keys, "partition_id": batch.partition_id}
        data = tq.kv_batch_get(**asked, select_fields=["advantages", "response_mask", "extra_fields"])
        by_deviation = bool(self.config.algorithm.norm_adv_by_std_in_grpo)  # type: ignore[attr-defined]
        rows = [_plain(told) for told in data["extra_fields"]]
        added, shared = added_advantages(batch.keys, batch.tags, rows, self.step_credit, by_deviation)
        metrics[SHARED_STATES] = shared
        advantages = [
            advantage + torch.tensor(more, dtype=advantage.dtype, device=advantage.device) * mask
            if more is not None
            else advantage
            for advantage, mask, more in zip(
                data["advantages"].unbind(), data["response_mask"].unbind(), added, strict=True
            )
        ]
        nested = torch.nested.as_nested_tensor(advantages, layout=torch.jagged)
        return tq.kv_batch_put(
            **asked, fields=TensorDict({"advantages": nested, "returns": nested}, batch_size=len(batch))
        )

    def _compute_metrics(self, batch: Any, metrics: dict[str, Any], *arguments: Any, **named: Any) -> None:
        told = self._rollout_figures(batch)
        super()._compute_metrics(batch, metrics, *arguments, **named)  # type: ignore[misc]
        ray.get(self.collector.note.remote(step_figures(metrics, told)))

    def _validate(self) -> dict[str, float]:
        metrics: dict[str, float] = super()._validate()  # type: ignore[misc]
        figures = {name: float(value) for name, value in metrics.items() if name.startswith("val-")}
        ray.get(self.collector.note.remote({"step": self.global_steps, "held_out": figures}))  # type: ignore[attr-defined]
        return metrics

    def _rollout_figures(self, batch: Any) -> list[dict[str, float]]:
        """The figures of each rollout of a step, from its first row."""
        keys = [
            key
            for key, tag in zip(batch.keys, batch.tags, strict=True)
            if key.endswith("_0") and not tag.get("is_padding", False)
        ]
        data = tq.kv_batch_get(keys=keys, partition_id=batch.partition_id, select_fields=["extra_fields"])
        return [_plain(told)["reward_extra_info"] for told in data["extra_fields"]]


def added_advantages(
    keys: Sequence[str],
    tags: Sequence[Mapping[str, Any]],
    rows: Sequence[Mapping[str, Any]],
    credit: StepCreditSection,
    by_deviation: bool,
) -> tuple[list[list[float] | None], float]:
    """What step-wise credit adds to the advantages of a batch.

    Args:
        keys: of the rows, ``group_session_index``.
        tags: verl's, of the rows.
        rows: what our agent loop says beside each row's tokens.
        credit: how it is given.
        by_deviation: see `step_advantages`.

    Returns:
        For each row a number a token of the response, None for those that verl filled a batch with; and the share of
        steps that began in a state where another one began.
    """
    groups: defaultdict[str, dict[str, EpisodeSteps]] = defaultdict(dict)
    for key, tag, row in zip(keys, tags, rows, strict=True):
        if not tag.get("is_padding", False):
            group, session, _ = key.rsplit("_", 2)
            groups[group][session] = EpisodeSteps(row["states"], row["step_rewards"])
    found: dict[tuple[str, str], list[float]] = {}
    shared = total = 0
    for group, episodes in groups.items():
        advantages = step_advantages([*episodes.values()], credit.discount, by_deviation)
        found.update(((group, session), values) for session, values in zip(episodes, advantages, strict=True))
        alike, steps = shared_share([*episodes.values()])
        shared, total = shared + alike, total + steps
    added: list[list[float] | None] = []
    for key, tag, row in zip(keys, tags, rows, strict=True):
        if tag.get("is_padding", False):
            added.append(None)
            continue
        group, session, _ = key.rsplit("_", 2)
        # An answer that a limit cut off belongs to a step that was never taken; no token of -1 was generated.
        values = dict(enumerate(found[group, session]))
        added.append([credit.weight * values.get(step, 0.0) for step in row["token_steps"]])
    return added, shared / total if total else 0.0


def _plain(told: Any) -> Any:
    """What tensordict may have wrapped."""
    return getattr(told, "data", told)


class _GroupsWithRows(ReplayBuffer):  # type: ignore[misc]
    """Takes a group for failed that has finished without a row, all of its environments being lost."""

    def _sync_metadata_from_transfer_queue(self) -> None:
        super()._sync_metadata_from_transfer_queue()
        for partition, finished in self.finished_keys.items():
            empty = finished - {key.split("_")[0] for key in self.partitions[partition]}
            finished -= empty
            self.failure_keys[partition] |= empty


def train(config: Any, collector: str, watched: Mapping[str, Any]) -> None:
    """Trains; the body of `TrainerActor`.

    Args:
        config: verl's configuration.
        collector: the name of the collector's actor.
        watched: what `Watched` wants to be set, by name, but for the collector.

    Raises:
        InfrarayError: engine and trainer disagree.
    """
    kind = v1.get_trainer_cls(config.trainer.v1.trainer_mode)
    own = {**watched, "collector": find_collector(collector)}
    # verl asks by the mode's name, on which other parts of it depend, and registers one trainer for each.
    v1.get_trainer_cls = lambda name: type("WatchedTrainer", (Watched, kind), own)
    TaskRunnerV1.__ray_metadata__.modified_class().run(config)


class TrainerActor:
    """verl's trainer as a Ray actor, whose output goes to a file.

    Args:
        log: the file; None for that of Ray.
    """

    def __init__(self, log: str | None = None) -> None:
        if log is not None:
            redirect_output(log)

    def train(self, config: Any, collector: str, watched: Mapping[str, Any]) -> None:
        """See `train`."""
        train(config, collector, watched)


def runtime_env(config: Any) -> dict[str, Any]:
    """The environment of verl's processes, which the trainer's actor hands on to all of its own."""
    variables = get_ppo_ray_runtime_env(config)["env_vars"]
    return {"env_vars": {**variables, "TRANSFER_QUEUE_ENABLE": "1"}}


def redirect_output(path: str) -> None:
    """Sends all output of this process to a file."""
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o644)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
