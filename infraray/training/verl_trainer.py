"""verl's trainer with an eye on it: the figures of each step, and a stop where engine and trainer disagree.

Everything that trains is verl's. What is added around it: before each update the engine's probabilities are compared
with the trainer's, since a policy that is updated with probabilities of other tokens than were drawn is ruined without
an error; an update is made of as many episodes, however many rows they have; a group of which no rollout is left counts
as failed, since verl takes it for finished and then stops on it; and the figures of each step go to the collector.
"""

from __future__ import annotations

import math
import os
from functools import cached_property
from typing import Any

import ray
import transfer_queue as tq
import verl.trainer.ppo.v1 as v1
from omegaconf import open_dict
from verl.trainer.constants_ppo import get_ppo_ray_runtime_env
from verl.trainer.main_ppo import TaskRunnerV1
from verl.trainer.ppo.v1.replay_buffer import ReplayBuffer

from infraray.errors import InfrarayError
from infraray.training.collected import find_collector
from infraray.training.figures import step_figures

DIFFERENCE = "training/rollout_probs_diff_mean"


class Watched:
    """A mixin for verl's trainers.

    Set before the training begins: ``collector``, a handle, and ``max_difference``, the mean difference between the
    engine's and the trainer's probabilities of the generated tokens at which the training stops.
    """

    collector: Any = None
    max_difference: float = math.inf

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
        if difference is not None and not difference <= self.max_difference:
            raise InfrarayError(
                f"max_probability_difference={self.max_difference:g}: engine and trainer differ by {difference:.4f} "
                f"on average in the probability of a generated token, at step {self.global_steps}; "  # type: ignore[attr-defined]
                "this step's update was not made; look for a difference in precision or template, or allow more"
            )
        return batch

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
        return [getattr(told, "data", told)["reward_extra_info"] for told in data["extra_fields"]]


class _GroupsWithRows(ReplayBuffer):  # type: ignore[misc]
    """Takes a group for failed that has finished without a row, all of its environments being lost."""

    def _sync_metadata_from_transfer_queue(self) -> None:
        super()._sync_metadata_from_transfer_queue()
        for partition, finished in self.finished_keys.items():
            empty = finished - {key.split("_")[0] for key in self.partitions[partition]}
            finished -= empty
            self.failure_keys[partition] |= empty


def train(config: Any, collector: str, max_difference: float) -> None:
    """Trains; the body of `TrainerActor`.

    Args:
        config: verl's configuration.
        collector: the name of the collector's actor.
        max_difference: see `Watched`.

    Raises:
        InfrarayError: engine and trainer disagree.
    """
    kind = v1.get_trainer_cls(config.trainer.v1.trainer_mode)
    own = {"max_difference": max_difference, "collector": find_collector(collector)}
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

    def train(self, config: Any, collector: str, max_difference: float) -> None:
        """See `train`."""
        train(config, collector, max_difference)


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
