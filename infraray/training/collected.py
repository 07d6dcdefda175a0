"""The collector of a training's rollouts: a run's collector that also finds what it has.

A worker sends it each rollout that has ended and learns from what is stored, whether it was stored now or before the
training was killed. It is the one place that all workers know, and so also numbers the groups of a task, and keeps the
figures of each step.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from infraray.actors import pulse
from infraray.actors.collector import Collector, ask
from infraray.training.figures import STEPS_FILE
from infraray.training.record import COLUMNS
from infraray.trajectories.encoding import Message
from infraray.trajectories.reader import Run

NAMESPACE = "infraray-training"
"""Ray's namespace in which the workers look for the collector, whichever job they belong to."""


class RolloutCollector(Collector):
    """Stores rollouts and gives them back.

    Args:
        run_dir: the folder of the rollouts.
    """

    def __init__(self, run_dir: str) -> None:
        super().__init__(run_dir)
        self._of_agent = ""
        self._found: dict[bytes, pa.RecordBatch] = {}
        """Of one agent, as they were when somebody first asked for one of its rollouts."""
        self._groups: defaultdict[str, list[str]] = defaultdict(list)

    def number(self, task: str, group: str) -> int:
        """How many other groups of a task, at the same step, were asked for before this one.

        Args:
            task: the step and the task.
            group: the trainer's name for the group.
        """
        groups = self._groups[task]
        if group not in groups:
            groups.append(group)
        return groups.index(group)

    def find(self, identity: bytes, agent: str) -> pa.RecordBatch | None:
        """A stored rollout, with `COLUMNS`; None if it is owed.

        Args:
            identity: the episode's.
            agent: who played it.
        """
        if self._store().missing([identity])[0]:
            return None
        if agent != self._of_agent or identity not in self._found:
            self._of_agent = agent
            self._found = dict(self._read(agent))
        return self._found[identity]

    def collect(self, message: Message, agent: str) -> pa.RecordBatch | None:
        """Stores one rollout; returns what was stored before in its place, None if nothing was."""
        return None if self.append(message) else self.find(message.ids[0], agent)

    def note(self, figures: Mapping[str, Any]) -> None:
        """Writes down the figures of a step of the training, beside the folder of the rollouts."""
        with (self.run_dir.parent / STEPS_FILE).open("a") as file:
            file.write(json.dumps(figures) + "\n")

    def _read(self, agent: str) -> Iterator[tuple[bytes, pa.RecordBatch]]:
        for batch in Run(self.run_dir).episode_batches(COLUMNS):
            for place, (identity, name) in enumerate(
                zip(batch.column("episode_id").to_pylist(), batch.column("agent").to_pylist(), strict=True)
            ):
                if name == agent:
                    yield bytes.fromhex(identity), batch.slice(place, 1)


@contextmanager
def collecting_rollouts(run_dir: Path, name: str) -> Iterator[Any]:
    """A collector on this node that workers find by its name, and that ends with the block.

    Args:
        run_dir: the folder of the rollouts, with its ``run.json``.
        name: the actor's.

    Raises:
        InfrarayError: the folder cannot be written, or another training writes to it.
    """
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    made = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1, scheduling_strategy=here)(RolloutCollector)
    collector = made.options(name=name, namespace=NAMESPACE).remote(str(run_dir.resolve()))
    try:
        ask(collector, "count")
        yield collector
        ask(collector, "finish")
    finally:
        with suppress(RayError, pulse.ClusterLost):
            pulse.get(collector.close.remote(), 30)
            ray.kill(collector)


def find_collector(name: str) -> Any:
    """The handle of a running collector."""
    return ray.get_actor(name, namespace=NAMESPACE)
