"""AdaptSize: an object of x bytes is let in with probability exp(-x / c); c follows the workload.

Berger, Sitaraman and Harchol-Balter: AdaptSize: orchestrating the hot object memory cache in a
content delivery network (NSDI 2017). From time to time c is set to the value for which a model of
an LRU cache behind this gate predicts the most hits. In the model, an object requested at a rate of r per request
stays in the cache for T requests after each of its requests, so it is found there with
probability g = a (e^(rT) - 1) / (1 + a (e^(rT) - 1)), a = exp(-x / c); T is where the expected
bytes fill the cache.

The model describes the steady state, in which the best gates admit hardly anything and so take long to let the right
objects in. Here a cache may see only some hundred requests, so g is multiplied by the chance 1 - (1 - a)^n that the
object's n requests so far got it in at all. For objects with many requests this factor is 1 and the model is the
authors'.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from infraray.errors import InfrarayError
from infraray.scenarios.caching.policies.lru import Lru

CHOICES = 24
"""Number of values of c to compare, evenly spaced in the logarithm."""
BISECTIONS = 24
MEMORY = 0.5
"""Weight of the counts before the last tuning."""


class AdaptSize(Lru):
    """LRU behind a probabilistic size gate that tunes itself.

    Args:
        capacity: bytes.
        tuning_interval: requests between two settings of c.
        seed: the seed of the gate's random numbers.
    """

    def __init__(self, capacity: int, tuning_interval: int = 200, seed: int = 0) -> None:
        super().__init__(capacity)
        if isinstance(tuning_interval, bool) or not isinstance(tuning_interval, int) or tuning_interval < 1:
            raise InfrarayError(f"tuning_interval={tuning_interval!r}: must be a whole number of at least 1")
        self.tuning_interval = tuning_interval
        self.gate_size = float(capacity)
        """The parameter c in bytes: of objects this large, one in e gets in."""
        self._random = np.random.default_rng(seed)
        self._until_tuning = tuning_interval
        self._requests: dict[int, float] = {}
        self._known_sizes: dict[int, int] = {}

    def access(self, key: int) -> bool:
        """Counts the request, and adjusts the gate when it is due."""
        self._requests[key] = self._requests.get(key, 0.0) + 1.0
        self._until_tuning -= 1
        if self._until_tuning == 0:
            self._tune()
        return super().access(key)

    def insert(self, key: int, size: int) -> Sequence[int]:
        """Draws whether the object gets in."""
        self._known_sizes[key] = size
        if self._random.random() < math.exp(-size / self.gate_size):
            return super().insert(key, size)
        return [key]

    def _tune(self) -> None:
        self._until_tuning = self.tuning_interval
        known = [key for key in self._requests if key in self._known_sizes]
        if known:
            counts = np.array([self._requests[key] for key in known])
            sizes = np.array([self._known_sizes[key] for key in known], dtype=np.float64)
            self.gate_size = best_gate_size(counts, sizes, self.capacity)
        self._requests = {key: count * MEMORY for key, count in self._requests.items() if count > 0.1}
        self._known_sizes = {
            key: size for key, size in self._known_sizes.items() if key in self._requests or key in self._sizes
        }


def best_gate_size(counts: NDArray[np.float64], sizes: NDArray[np.float64], capacity: int) -> float:
    """The c in bytes with the most predicted hits for objects with ``counts`` requests each, of ``sizes`` bytes."""
    gates = np.geomspace(max(sizes.min() / 4, 1.0), 16 * sizes.max(), CHOICES)
    if sizes.sum() <= capacity:
        return float(gates[-1])
    rates = counts / counts.sum()
    admitted = np.exp(-sizes / gates[:, None])  # (choices, objects)
    low = np.zeros(CHOICES)
    high = np.full(CHOICES, 50.0 / rates.min())
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        fill = _found(admitted, rates, middle) @ sizes
        low = np.where(fill < capacity, middle, low)
        high = np.where(fill < capacity, high, middle)
    got_in = 1 - (1 - admitted) ** counts
    return float(gates[np.argmax((_found(admitted, rates, low) * got_in) @ rates)])


def _found(admitted: NDArray[np.float64], rates: NDArray[np.float64], stay: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probability that each object is in the cache, shape (choices, objects); ``stay`` is the model's T."""
    odds = admitted * np.expm1(np.minimum(rates * stay[:, None], 50.0))
    return odds / (1.0 + odds)
