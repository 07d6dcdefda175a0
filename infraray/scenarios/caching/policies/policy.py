"""The base of cache policies: a set of objects in which each request either hits or misses."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from infraray.errors import InfrarayError

EVICTION_POLICIES: dict[str, type[Policy]] = {}
"""The policies named by the parameter ``eviction``, filled by the package's index so that none depends on all."""


class Policy(ABC):
    """A cache of ``capacity`` bytes with a rule for which objects leave it.

    For every request, `access` is called first; after a miss, `insert` may be called for an object that would fit into
    the empty cache. Objects are identified by whole numbers.

    Args:
        capacity: bytes.
    """

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise InfrarayError(f"capacity={capacity!r}: must be at least 1 byte")
        self.capacity = capacity
        self.used = 0
        """Bytes of the objects held."""

    @abstractmethod
    def access(self, key: int) -> bool:
        """Records a request; returns whether it hits."""

    @abstractmethod
    def insert(self, key: int, size: int) -> Sequence[int]:
        """Lets in an object that was just missed, of ``size`` bytes, at most ``capacity``.

        Objects leave one at a time, and only until there is room. Returns their keys in order; ``key`` itself comes
        last if the policy did not let it in, or did not let it stay.
        """


def check_share(name: str, value: float) -> float:
    """Returns an option that must lie strictly between 0 and 1.

    Raises:
        InfrarayError: it does not.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
        raise InfrarayError(f"{name}={value!r}: must be a number between 0 and 1")
    return float(value)
