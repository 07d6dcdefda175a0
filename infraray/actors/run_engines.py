"""The engines of a run: a pool for each, started when an agent needs it and ended with the run."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from infraray.actors import pulse
from infraray.actors.engine_pool import PoolEndpoints, PoolStatus, start_engine_pool
from infraray.actors.imports import Imports
from infraray.agents.chat import ServedModel
from infraray.engines import EngineSpec
from infraray.errors import InfrarayError

ASKED_EVERY_S = 5.0
STOP_S = 90.0


class RunEngines:
    """Pools by name.

    Args:
        specs: the engines by name.
        imports: what the driver has imported, such as the file that registers a kind of engine.
        tell: takes a line for the person who watches the run.
    """

    def __init__(self, specs: Mapping[str, EngineSpec], imports: Imports, tell: Callable[[str], None]) -> None:
        self.specs = specs
        self.tell = tell
        self.pools: dict[str, Any] = {name: start_engine_pool(spec, imports) for name, spec in specs.items()}
        self.served = {
            name: ServedModel(spec.served_model, PoolEndpoints(self.pools[name], spec)) for name, spec in specs.items()
        }
        self.reserved_cpus = 0.0
        """The fewest CPUs that the started engines hold."""
        self._told: dict[str, list[str]] = {name: [] for name in specs}

    def start(self, names: Collection[str]) -> None:
        """Starts engines and returns when all are ready.

        Raises:
            InfrarayError: one does not start, or the cluster has no room for them.
        """
        self._check_room(names)
        starting = {self.pools[name].start.remote(): name for name in names}
        for name in names:
            self.tell(f"engine {name}: starting {self.specs[name].engine} with {self.specs[name].served_model}")
        while starting:
            for reference in pulse.wait(list(starting), ASKED_EVERY_S):
                name = starting.pop(reference)
                try:
                    urls = ray.get(reference)
                except RayTaskError as error:
                    raise (error.cause if isinstance(error.cause, InfrarayError) else error) from None
                self.tell(f"engine {name}: ready at {', '.join(urls)}")
            self.look()

    def look(self) -> None:
        """Reports what has gone wrong with replicas since the last call."""
        for name, pool in self.pools.items():
            try:
                status: PoolStatus = pulse.get(pool.status.remote(), ASKED_EVERY_S)
            except (RayError, TimeoutError):
                continue  # Ray recreates a lost pool
            reasons = [replica.reason for replica in status.replicas if replica.state in ("restarting", "failed")]
            for reason in reasons:
                if reason and reason not in self._told[name]:
                    self.tell(f"engine {name}: {reason}")
            self._told[name] = reasons

    def stop(self) -> None:
        """Ends all of them."""
        stopping = [pool.stop.remote() for pool in self.pools.values()]
        pulse.wait(stopping, STOP_S, num_returns=len(stopping)) if stopping else None
        for pool in self.pools.values():
            ray.kill(pool)

    def _check_room(self, names: Collection[str]) -> None:
        specs = [self.specs[name] for name in names]
        self.reserved_cpus = sum(spec.num_cpus * spec.replicas.min for spec in specs)
        cpus = ray.cluster_resources().get("CPU", 0.0)
        if self.reserved_cpus > cpus:
            raise InfrarayError(
                f"engines {', '.join(names)}: need {self.reserved_cpus:g} CPUs together and the cluster has {cpus:g}; "
                "lower their replicas or num_cpus"
            )
