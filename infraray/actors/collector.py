"""The collector: the one actor that writes a run's folder.

It runs on the driver's node, where the folder is. When it is killed, Ray starts it again and
repeats the calls that were under way; opening the folder recovers what was written, and an
episode that arrives twice is ignored the second time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from infraray.actors import pulse
from infraray.errors import InfrarayError
from infraray.trajectories.encoding import Message
from infraray.trajectories.store import RunStore


class Collector:
    """A `RunStore` as a Ray actor. Opens it at the first call, so that errors reach the caller unchanged."""

    def __init__(self, run_dir: str) -> None:
        self.run_dir = Path(run_dir)
        self._opened: RunStore | None = None

    def count(self) -> int:
        """How many episodes the folder holds; the first call takes its lock."""
        return len(self._store().index)

    def missing(self, ids: list[bytes]) -> list[bool]:
        """Tells for each identity whether its episode is missing."""
        return self._store().missing(ids)

    def append(self, message: Message) -> int:
        """Stores whole episodes; returns how many were new."""
        return self._store().append(message)

    def finish(self) -> int:
        """Turns everything into Parquet; returns the number of episodes in the folder."""
        return self._store().finish()

    def close(self) -> None:
        """Releases the folder."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def _store(self) -> RunStore:
        if self._opened is None:
            self._opened = RunStore(self.run_dir)
        return self._opened


def start_collector(run_dir: Path) -> Any:
    """Starts the collector on this node; returns its handle."""
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    actor = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1, scheduling_strategy=here)(Collector)
    return actor.remote(str(run_dir.resolve()))


def ask(collector: Any, method: str, *arguments: Any) -> Any:
    """Calls a collector and waits for the answer.

    Raises:
        InfrarayError: the folder cannot be written, or the cluster is lost.
    """
    try:
        return pulse.get(getattr(collector, method).remote(*arguments))
    except RayTaskError as error:
        raise (error.cause if isinstance(error.cause, InfrarayError) else error) from None


def stop_collector(collector: Any) -> None:
    """Ends a collector, which first releases its folder."""
    with suppress(RayError):
        pulse.get(collector.close.remote(), 30)
    ray.kill(collector)


@contextmanager
def collecting(run_dir: Path) -> Iterator[Any]:
    """A collector that holds its folder, and ends with the block."""
    collector = start_collector(run_dir)
    try:
        ask(collector, "count")  # takes the folder's lock
        yield collector
    except pulse.ClusterLost:
        raise  # and nothing is left to end
    except BaseException:
        with suppress(pulse.ClusterLost):
            stop_collector(collector)
        raise
    stop_collector(collector)
