"""A cache policy as an agent, which runs its own copy of the cache and reports what happens in it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from infraray.agents.agent import Briefing, ScriptedAgent
from infraray.observation import Observation
from infraray.scenarios.caching.cache import ADMIT, BYPASS
from infraray.scenarios.caching.parameters import CachingParameters
from infraray.scenarios.caching.policies.policy import Policy


class PolicyAgent(ScriptedAgent):
    """Plays every request in its own cache, and each eviction there, in order, in the environment's.

    With decision ``eviction`` the two caches stay equal as long as all of the cache's objects are
    among the candidates, so the hit rate is exactly the policy's. If a victim is not among the candidates, the least
    recently used one goes instead. With decision ``admission``, it admits what the policy's own cache lets in.

    Args:
        policy: makes the policy from ``capacity`` and the options.
        options: the policy's.
    """

    def __init__(self, policy: Callable[..., Policy], **options: Any) -> None:
        self.make_policy = policy
        self.options = options
        policy(capacity=1, **options)  # rejects bad options now rather than in the middle of a run

    def reset(self, briefing: Briefing) -> None:
        """Starts with an empty cache."""
        super().reset(briefing)
        assert isinstance(briefing.parameters, CachingParameters)
        self.evicts = briefing.parameters.decision == "eviction"
        self.policy = self.make_policy(capacity=briefing.parameters.capacity_bytes, **self.options)
        self.sizes: dict[int, int] = {}
        self.decided = -1
        self.leaving: deque[int] = deque()

    def act(self, observation: Observation) -> int:
        """Needs all fields but the counts and times."""
        for key in observation.passed_id.tolist():
            if key < 0:
                break
            # A size is unknown if the object never waited, because it is larger than the cache.
            if not self.policy.access(key) and key in self.sizes:
                self.policy.insert(key, self.sizes[key])
        key = int(observation.object_id[0])
        if key < 0:
            return BYPASS
        size = int(observation.object_size[0])
        if observation.request_number[0] != self.decided:
            self.decided = observation.request_number[0]
            self.sizes[key] = size
            self.leaving = deque(() if self.policy.access(key) else self.policy.insert(key, size))
        if not self.evicts or size <= observation.free_bytes[0]:
            return BYPASS if key in self.leaving else ADMIT
        return self._next_eviction(key, observation.cached_id.tolist())

    def _next_eviction(self, key: int, cached: list[float]) -> int:
        while self.leaving:
            victim = self.leaving.popleft()
            if victim == key:
                return BYPASS
            if victim in cached:
                return 1 + cached.index(victim)
        return 1
