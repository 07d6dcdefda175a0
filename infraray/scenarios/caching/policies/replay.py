"""Plays a whole trace through a policy, quickly."""

from collections.abc import Iterable

from infraray.scenarios.caching.policies.policy import Policy


def replay(policy: Policy, keys: Iterable[int], sizes: Iterable[int]) -> int:
    """Plays requests for ``keys`` of ``sizes`` bytes; returns how many hit.

    Objects larger than the cache are skipped. Another call continues with the cache as it is, so the warm-up is one
    call and the scored requests are the next.
    """
    access, insert, capacity = policy.access, policy.insert, policy.capacity
    hits = 0
    for key, size in zip(keys, sizes, strict=True):
        if access(key):
            hits += 1
        elif size <= capacity:
            insert(key, size)
    return hits
