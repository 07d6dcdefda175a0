"""The caching environment."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from infraray.answers import Choice
from infraray.environment import Environment, Measures, Outcome, Score, Task
from infraray.observation import ObservedField
from infraray.scenarios.caching.bound import most_hits
from infraray.scenarios.caching.cache import ADMIT, BYPASS, Cache
from infraray.scenarios.caching.parameters import CachingParameters
from infraray.scenarios.caching.policies import EVICTION_POLICIES
from infraray.scenarios.caching.requests import generate_requests

NOBODY = -1
"""Placeholder in the numbers for a missing object."""


class Caching(Environment):
    """Decide what a cache of limited size keeps.

    ## Description
    Requests for objects of known sizes arrive one after another. An object in the cache is a hit. One that is not is
    fetched, and may then be kept if there is room or room is made.
    The aim is a high object hit rate: the share of the scored requests that hit.

    A step is one decision, not one request. The environment plays requests on its own until an object misses (hits,
    and objects larger than the whole cache, leave nothing to decide) and then asks. With decision ``eviction``, one
    object is evicted per step, so an object that needs the room of three takes three steps; the same request is shown
    again until it fits or is bypassed. So no answer is wasted on a hit, but episodes of one task may differ in length;
    the requests are always the same ``warmup_requests + scored_requests``. Every request is shown: a step ends at the
    latest after ``max_hits_per_step`` requests, and if there is nothing to decide then, all actions do the same. With
    ``max_hits_per_step=1`` a step is a request.

    ## Observation
    Objects are numbered in order of first appearance in the task. Missing entries are -1 (sizes, counts: 0).

    | field | size | unit | meaning |
    |---|---|---|---|
    | request_number | 1 | 1 | requests so far, including the waiting one |
    | object_id | 1 | 1 | the waiting object, which missed; -1: nothing to decide |
    | object_size | 1 | byte | its size |
    | object_requests | 1 | 1 | earlier requests for it |
    | object_idle | 1 | 1 | requests since its last one, 0 if there was none |
    | free_bytes | 1 | byte | room in the cache |
    | passed_id | max_hits_per_step | 1 | objects whose requests passed in this step, in order |
    | cached_id | candidates | 1 | objects in the cache, the least recently used first |
    | cached_size | candidates | byte | their sizes |
    | cached_requests | candidates | 1 | requests for each so far |
    | cached_idle | candidates | 1 | requests since the last one for each |

    The text says the same, one line per object in the cache.

    ## Actions
    With decision ``eviction``: ``Discrete(candidates + 1)``. 0 bypasses the waiting object. If it fits, every other
    number admits it. If not, i evicts the i-th object of ``cached_id`` (from 1), and the object enters as soon as it
    fits. Numbers beyond the last
    cached object bypass. The candidates are the ``candidates`` least recently used objects; with
    the default sizes the cache never holds more than ``candidates``, so every policy can be played.
    As text: ``{"evict": 3}``, a marked line, a number, ``admit`` (if it fits) or ``bypass``, or prose that names one
    of them, read in this order; a negated answer means its opposite.

    With decision ``admission``: ``Discrete(2)``, 0 bypasses, 1 admits, and the policy named by
    ``eviction`` makes room. As text: the same with ``{"admit": true}``, ``admit`` or ``bypass``.

    The default action is 0 (bypass), which leaves the cache as it is.

    ## Reward
    The number of scored requests that hit in this step, after the action. The sum over an episode is
    ``scored_requests`` times the score.

    ## Parameters
    decision, eviction, capacity_bytes, candidates, max_hits_per_step; workload; for workload
    ``zipf``: num_objects, zipf_exponent, drift_interval, drift_share, scan_share, scan_length,
    sizes, median_size_bytes, min_size_bytes, max_size_bytes, lognormal_sigma, pareto_shape,
    size_correlation; for workload ``trace``: trace, trace_format; warmup_requests,
    scored_requests. Units, ranges and defaults: `CachingParameters`. Preset ``recorded``: windows of the included
    trace of a real build (``traces/README.md``); preset ``admission``: admission decisions in front of an LRU.

    ## Episode end
    When ``warmup_requests + scored_requests`` requests have been answered. The score, higher is
    better, is the object hit rate of the scored ones; ``metrics`` holds their byte hit rate. The
    bound is proven in ``bound.py``: Belady's for equal sizes, a relaxation where they differ.

    ## Baselines
    random (floor), constant, fifo, lru, lfu, sieve, s3_fifo, arc, w_tiny_lfu, size_aware, adaptsize. With decision
    ``admission``, only size_aware and adaptsize reject anything; the others admit everything.

    ## Source
    The setting of InfraGym (section 3), which takes 200 warm-up and 1000 test steps; there, and in
    Park (Mao et al., NeurIPS 2019), only admission is decided.
    """

    scenario = "caching"
    lookahead = 1
    score = Score("object_hit_rate", "1", higher_is_better=True, low=0.0, high=1.0)
    expert = "scripted:s3_fifo"
    Parameters = CachingParameters
    parameters: CachingParameters
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "recorded": {"workload": "recorded", "candidates": 128},
        "admission": {"decision": "admission", "eviction": "lru"},
    }

    def least_steps(self) -> tuple[int, str]:
        """One more than the warm-up: a step may be a single request."""
        return self.parameters.warmup_requests + 1, "warmup_requests"

    def observed_fields(self) -> tuple[ObservedField, ...]:
        """The waiting request, the requests that passed, and the cache's contents."""
        parameters = self.parameters
        requests = float(parameters.num_requests)
        passed, cached = parameters.max_hits_per_step, parameters.candidates
        capacity = float(parameters.capacity_bytes)  # larger objects neither wait nor are cached
        return (
            ObservedField("request_number", 1, "1", "requests so far, with the one that waits", high=requests),
            ObservedField("object_id", 1, "1", "object that waits, -1 for none", NOBODY, requests),
            ObservedField("object_size", 1, "byte", "its size", high=capacity),
            ObservedField("object_requests", 1, "1", "earlier requests for it", high=requests),
            ObservedField("object_idle", 1, "1", "requests since its last one", high=requests),
            ObservedField("free_bytes", 1, "byte", "room in the cache", high=capacity),
            ObservedField("passed_id", passed, "1", "objects whose requests went by", NOBODY, requests),
            ObservedField("cached_id", cached, "1", "objects in the cache, least recent first", NOBODY, requests),
            ObservedField("cached_size", cached, "byte", "their sizes", high=capacity),
            ObservedField("cached_requests", cached, "1", "requests for each so far", high=requests),
            ObservedField("cached_idle", cached, "1", "requests since the last for each", high=requests),
        )

    def make_action_space(self) -> spaces.Discrete:
        """Bypass and the candidates, or bypass and admit."""
        return spaces.Discrete(self.parameters.candidates + 1 if self._evicts else 2)

    def describe_task(self) -> str:
        """The system and the aim."""
        parameters = self.parameters
        duty = (
            "When an object is missing, you decide which cached object is evicted to make room for it, one at a time, "
            "or whether it bypasses the cache."
            if self._evicts
            else "When an object is missing, you decide whether it is admitted into the cache or bypasses it. The "
            f"policy {parameters.eviction} evicts objects to make room for what you admit."
        )
        return (
            f"You manage a cache of {parameters.capacity_bytes} bytes. Objects of various sizes are requested one "
            f"after the other. A request for an object in the cache is a hit. {duty} Only objects that were just "
            "requested can enter. Get as many hits as you can, whatever their size: keep what will be requested "
            f"again soon and takes little room. There are {parameters.num_requests} requests, of which the first "
            f"{parameters.warmup_requests} do not count."
        )

    def describe_actions(self) -> str:
        """Bypass, and what makes room."""
        if not self._evicts:
            return 'Answer {"admit": true} (or 1) to admit the object, {"admit": false} (or 0) to bypass the cache.'
        return (
            "If the object does not fit, answer with the number (first column) of the cached object to evict, for "
            'example {"evict": 3}, or with {"evict": 0} to bypass the cache. If it fits, answer {"evict": 1} to admit '
            'it without an eviction, or {"evict": 0} to bypass the cache. A number beyond the list bypasses, too.'
        )

    def begin(self, task: Task) -> None:
        """Draws the requests and plays up to the first decision."""
        parameters = self.parameters
        self.requests = generate_requests(parameters, task.seed)
        capacity = parameters.capacity_bytes
        policy = None if self._evicts else EVICTION_POLICIES[parameters.eviction](capacity)
        self.cache = Cache(
            self.requests, capacity, policy, parameters.warmup_requests, longest_run=parameters.max_hits_per_step
        )
        self.cache.run()

    def numbers(self) -> NDArray[np.float64]:
        """The fields of `observed_fields`, in their order."""
        cache, slices = self.cache, self.layout.slices
        numbers = np.zeros(self.layout.size)
        numbers[0] = cache.seen
        numbers[1] = NOBODY
        if cache.waiting:
            key = cache.asked_for
            numbers[1:5] = key, cache.sizes[key], cache.counts[key], self._idle(key)
        numbers[5] = cache.free
        passed = numbers[slices["passed_id"]]
        passed[:] = NOBODY
        passed[: len(cache.passed)] = cache.passed
        keys = cache.candidates(self.parameters.candidates)
        start = slices["cached_id"].start
        columns = numbers[start:].reshape(4, self.parameters.candidates)
        columns[0] = NOBODY
        if keys:
            sizes, counts, last, position = cache.sizes, cache.counts, cache.last_request, cache.position
            columns[:, : len(keys)] = (
                keys,
                [sizes[key] for key in keys],
                [counts[key] for key in keys],
                [position - last[key] for key in keys],
            )
        return numbers

    def words(self) -> str:
        """The waiting request, the requests that passed, and one line per object in the cache."""
        cache, parameters = self.cache, self.parameters
        lines = []
        if cache.passed:
            objects = ", ".join(str(key) for key in cache.passed)
            lines.append(f"Since the last step these objects were requested, with nothing to decide: {objects}.")
        if cache.waiting:
            key, size = cache.asked_for, cache.sizes[cache.asked_for]
            count = cache.counts[key]
            before = f"requested {count} times before, {self._idle(key)} requests ago" if count else "never seen before"
            lines.append(
                f"Request {cache.seen} of {parameters.num_requests}: object {key} of {size} bytes, {before}, is "
                f"missing. It {'fits' if cache.fits else 'does not fit'}."
            )
        elif cache.over:
            lines.append("No request is left.")
        else:
            lines.append("Nothing is to be decided now; any answer goes on.")
        lines.append(f"Free: {cache.free} of {cache.capacity} bytes.")
        keys = cache.candidates(parameters.candidates)
        hidden = len(cache.contents) - len(keys)
        lines.append(f"Cached objects, least recently used first{f' ({hidden} more not shown)' if hidden else ''}:")
        lines.append("number, object, bytes, requests so far, requests since the last")
        lines += [
            f"{number}, {key}, {cache.sizes[key]}, {cache.counts[key]}, {self._idle(key)}"
            for number, key in enumerate(keys, start=1)
        ]
        return "\n".join(lines)

    def advance(self, action: int) -> Outcome:
        """Carries out the decision, if one is due, and plays on to the next."""
        cache = self.cache
        cache.passed = []
        if cache.waiting:
            self._decide(action)
        hits = 0 if cache.waiting else cache.run()
        return Outcome(float(hits), terminated=cache.over)

    def answer_form(self) -> Choice:
        """A number, ``admit`` (if the object fits) or ``bypass``."""
        words = {"bypass": BYPASS, "admit": ADMIT}
        if not self._evicts:
            return Choice("admit", 2, values=words)
        refused = {}
        if self.task is not None and self.cache.waiting and not self.cache.fits:
            refused["admit"] = 'the object does not fit; name the cached object to evict, for example {"evict": 1}'
        size = self.parameters.candidates + 1
        kept = ("keep", "keeping", "retain", "preserve", "protect", "spare", "leave")
        return Choice("evict", size, also=("number", "candidate"), values=words, refused=refused, unwanted=kept)

    def default_action(self) -> int:
        """Bypass: the cache stays as it is."""
        return BYPASS

    def measure(self) -> Measures:
        """Object and byte hit rate of the scored requests so far."""
        cache = self.cache
        asked_bytes = int(self.requests.sizes[self.parameters.warmup_requests : cache.seen].sum())
        if not asked_bytes:
            return Measures(math.nan)
        return Measures(
            cache.hits / (cache.seen - self.parameters.warmup_requests),
            metrics={"byte_hit_rate": cache.hit_bytes / asked_bytes},
        )

    def parts(self) -> tuple[Any, ...]:
        """The policy that makes room, if the agent does not decide that."""
        return () if self._evicts else (EVICTION_POLICIES[self.parameters.eviction],)

    def best_agent(self) -> str:
        """S3-FIFO, or AdaptSize if only admission is decided, since S3-FIFO admits everything."""
        return self.expert if self._evicts else "scripted:adaptsize"

    def progress(self) -> int:
        """The number of requests seen, since a step skips any number of hits."""
        return self.cache.seen

    def bound(self) -> float:
        """A proven upper bound on the hit rate of the scored requests seen so far."""
        seen, warmup = self.cache.seen, self.parameters.warmup_requests
        if seen <= warmup:
            return math.nan
        keys, sizes = self.requests.keys[:seen], self.requests.sizes[:seen]
        return most_hits(keys, sizes, self.cache.capacity, warmup) / (seen - warmup)

    @property
    def _evicts(self) -> bool:
        return self.parameters.decision == "eviction"

    def _decide(self, action: int) -> None:
        cache = self.cache
        if action == BYPASS:
            cache.bypass()
        elif cache.fits or not self._evicts:
            cache.admit()
        elif action > min(self.parameters.candidates, len(cache.contents)):
            cache.bypass()
        else:
            cache.evict(cache.candidates(action)[-1])
            if cache.fits:
                cache.admit()

    def _idle(self, key: int) -> int:
        """Requests since the last one for an object, 0 if there was none."""
        return self.cache.position - self.cache.last_request[key] if self.cache.counts[key] else 0
