"""The index of collected episodes: a set of 16-byte identities that takes 16 bytes each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

RECENT = 65_536
"""The most identities held in a Python set before they are merged into the array."""


class EpisodeIndex:
    """A growing set of identities.

    A Python set of a million identities takes 100 MB. Here, most of them are in one sorted
    array and only the latest ones in a set.
    """

    def __init__(self) -> None:
        self._sorted = np.empty(0, "S16")
        self._recent: set[bytes] = set()

    def __len__(self) -> int:
        return len(self._sorted) + len(self._recent)

    def add(self, ids: Iterable[bytes]) -> None:
        """Adds identities that are not yet in the set."""
        self._recent.update(ids)
        if len(self._recent) >= RECENT:
            self._sorted = np.concatenate([self._sorted, _array(self._recent)])
            self._sorted.sort(kind="stable")
            self._recent.clear()

    def missing(self, ids: Sequence[bytes]) -> list[bool]:
        """Tells for each identity whether it is missing from the set."""
        if not len(self._sorted):
            return [identity not in self._recent for identity in ids]
        asked = _array(ids)
        places = np.minimum(np.searchsorted(self._sorted, asked), len(self._sorted) - 1)
        absent = (self._sorted[places] != asked).tolist()
        return [gone and identity not in self._recent for gone, identity in zip(absent, ids, strict=True)]


def _array(ids: Iterable[bytes]) -> np.ndarray[tuple[int], np.dtype[np.bytes_]]:
    return np.frombuffer(b"".join(ids), "S16")
