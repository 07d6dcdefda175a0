"""The dynamics: a cache in front of a sequence of requests, which stops wherever there is a decision."""

from __future__ import annotations

from collections import OrderedDict
from itertools import islice

from infraray.scenarios.caching.policies.policy import Policy
from infraray.scenarios.caching.requests import Requests

BYPASS, ADMIT = 0, 1


class Cache:
    """The cache's contents and its position in the requests.

    Hits pass on their own, and so do objects larger than the cache, which can only miss. Every other miss waits for
    `admit` or `bypass`, possibly with `evict` before it.

    Args:
        requests: the requests.
        capacity: bytes.
        policy: makes room when an object is admitted; without one, `evict` must be called first.
        first_scored: the first request whose hit counts.
        longest_run: requests that may pass in one call of `run`.
    """

    def __init__(
        self, requests: Requests, capacity: int, policy: Policy | None, first_scored: int, longest_run: int
    ) -> None:
        self.keys: list[int] = requests.keys.tolist()
        self.sizes: dict[int, int] = dict(zip(self.keys, requests.sizes.tolist(), strict=True))
        self.capacity = capacity
        self.policy = policy
        self.first_scored = first_scored
        self.longest_run = longest_run
        self.contents: OrderedDict[int, None] = OrderedDict()
        """Objects in the cache, the least recently used first."""
        self.free = capacity
        """Capacity in bytes."""
        self.position = 0
        """The number of settled requests, which is the index of the next one."""
        self.waiting = False
        """Whether the request at ``position`` has missed and waits for a decision."""
        self.passed: list[int] = []
        """Objects whose requests passed in the last run, in order."""
        self.counts = dict.fromkeys(self.sizes, 0)
        """Settled requests for each object."""
        self.last_request = dict.fromkeys(self.sizes, 0)
        """Position of the last settled request for each object, 0 if there is none."""
        self.hits = 0
        self.hit_bytes = 0

    @property
    def over(self) -> bool:
        """Whether every request is settled."""
        return self.position == len(self.keys)

    @property
    def seen(self) -> int:
        """Requests whose hit or miss is known."""
        return self.position + self.waiting

    @property
    def asked_for(self) -> int:
        """The object waiting for a decision."""
        return self.keys[self.position]

    @property
    def fits(self) -> bool:
        """Whether the waiting object fits without an eviction."""
        return self.sizes[self.asked_for] <= self.free

    def candidates(self, most: int) -> list[int]:
        """At most that many of the objects in the cache, least recently used first."""
        return list(islice(self.contents, most))

    def run(self) -> int:
        """Advances to the next decision, the longest run or the end; returns the scored hits on the way."""
        hits_before = self.hits
        self.passed = []
        while not self.over:
            key = self.asked_for
            hit = key in self.contents
            self.waiting = not hit and self.sizes[key] <= self.capacity
            if not self.waiting and len(self.passed) == self.longest_run:
                break
            if self.policy is not None:
                self.policy.access(key)
            if self.waiting:
                break
            if hit:
                self.contents.move_to_end(key)
                if self.position >= self.first_scored:
                    self.hits += 1
                    self.hit_bytes += self.sizes[key]
            self.passed.append(key)
            self._settle()
        return self.hits - hits_before

    def bypass(self) -> None:
        """Leaves the waiting object outside."""
        self._settle()

    def admit(self) -> None:
        """Lets the waiting object in, if the policy agrees."""
        key = self.asked_for
        leaving = self.policy.insert(key, self.sizes[key]) if self.policy is not None else ()
        self.contents[key] = None
        self.free -= self.sizes[key]
        for victim in leaving:
            self.evict(victim)
        self._settle()

    def evict(self, key: int) -> None:
        """Removes an object."""
        del self.contents[key]
        self.free += self.sizes[key]

    def _settle(self) -> None:
        key = self.asked_for
        self.counts[key] += 1
        self.last_request[key] = self.position
        self.position += 1
        self.waiting = False
