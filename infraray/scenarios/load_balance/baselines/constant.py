"""The best fixed schedule: servers take turns in a predetermined order.

The order is smooth weighted round robin over the k fastest servers. A server's weight is its rate, or the rate reduced
such that mean queue lengths are equal (weights r - c sqrt(r), the best split of Poisson arrivals over exponential
servers; Buzen and Chen, 1974). k and the weights are those with the best mean score on tasks with the same parameters
that no run plays; k = 1 sends everything to the fastest server. With a trace, where such tasks could overlap the one
that counts, all servers take turns by their rates.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from infraray.agents.agent import Briefing, ScriptedAgent, register_agent
from infraray.agents.constant import FIRST_SEED
from infraray.observation import Observation
from infraray.scenarios.load_balance.jobs import generate_jobs
from infraray.scenarios.load_balance.parameters import LoadBalanceParameters
from infraray.scenarios.load_balance.servers import Servers

TASKS = 8
"""Tasks on which schedules are tried."""
MOST_JOBS = 2000
"""Jobs of each such task, both for warm-up and scored."""

Weights = NDArray[np.float64]


@register_agent("constant", scenario="load_balance")
class Constant(ScriptedAgent):
    """Never looks at the state."""

    def reset(self, briefing: Briefing) -> None:
        """Finds the schedule, once per process, and starts at its beginning."""
        super().reset(briefing)
        assert isinstance(briefing.parameters, LoadBalanceParameters)
        self.rotation = Rotation(best_weights(briefing.parameters))

    def act(self, observation: Observation) -> int:
        """Ignores the observation."""
        return next(self.rotation)


class Rotation(Iterator[int]):
    """Servers in turn, each in proportion to its weight and as evenly spaced as possible."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights
        self.owed = np.zeros(len(weights))

    def __next__(self) -> int:
        self.owed += self.weights
        server = int(self.owed.argmax())
        self.owed[server] -= self.weights.sum()
        return server


@lru_cache(maxsize=64)
def best_weights(parameters: LoadBalanceParameters) -> Weights:
    """The weights of the best schedule, one per server."""
    rates = parameters.rates
    if "trace" in (parameters.arrivals, parameters.job_sizes):
        return rates
    shorter = parameters.model_copy(
        update={
            "warmup_steps": min(parameters.warmup_steps, MOST_JOBS),
            "scored_steps": min(parameters.scored_steps, MOST_JOBS),
        }
    )
    tasks = [generate_jobs(shorter, FIRST_SEED + task) for task in range(TASKS)]
    best, fewest_s = rates, np.inf
    for weights in _candidates(rates, parameters.utilisation):
        order = list(islice(Rotation(weights), shorter.num_jobs))
        seconds = 0.0
        for arrivals, sizes in tasks:
            servers = Servers(rates.tolist(), counts_jobs=False)
            jobs = zip(order, arrivals.tolist(), sizes.tolist(), strict=True)
            seconds += sum([servers.send(*job) for job in jobs][shorter.warmup_steps :])
        if seconds < fewest_s:
            best, fewest_s = weights, seconds
    return best


def _candidates(rates: Weights, utilisation: float) -> Iterator[Weights]:
    """Weights by rate, and reduced to equalise queues, over the fastest 1, 2, 3, 4, 6, 8, 12, ... and all servers."""
    count = len(rates)
    powers = [2**power for power in range(count.bit_length())]
    fastest_first = np.argsort(-rates, kind="stable")
    for used in sorted({min(count, size) for power in powers for size in (power, power + power // 2)} | {count}):
        chosen = np.zeros(count)
        chosen[fastest_first[:used]] = rates[fastest_first[:used]]
        yield chosen
        spare = chosen.sum() - utilisation * rates.sum()
        balanced = chosen - spare * np.sqrt(chosen) / np.sqrt(chosen).sum()
        if spare > 0 and (balanced[fastest_first[:used]] > 0).all():
            yield balanced
