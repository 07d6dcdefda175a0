"""The stored episodes that a run's present plan asks for.

A run's folder may hold more than its plan: a file or an engine may have been changed and changed back,
parameters, seeds or agents removed, a label renamed. The episodes' identities tell: for each agent,
``run.json`` keeps the digest from which they follow.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterator, Mapping
from typing import Any, NamedTuple

import pyarrow as pa

from infraray.episodes import episode_id
from infraray.seeds import SeedRange
from infraray.trajectories.manifest import PlannedScenario


class _Part(NamedTuple):
    """The episodes that one agent plays in one scenario."""

    label: str
    digest: bytes
    seeds: Container[int]
    repetitions: int


class PlannedEpisodes:
    """The episodes of a plan, none of them in memory.

    Args:
        scenarios: those of ``run.json``, by label.
    """

    def __init__(self, scenarios: Mapping[str, PlannedScenario]) -> None:
        self._parts: defaultdict[tuple[str, str], list[_Part]] = defaultdict(list)
        for label, planned in scenarios.items():
            among = planned.seeds if isinstance(planned.seeds, SeedRange) else frozenset(planned.seeds)
            for agent, digest in planned.digests.items():
                part = _Part(label, bytes.fromhex(digest), among, planned.repetitions)
                self._parts[planned.scenario, agent].append(part)

    def by_label(self, batch: pa.RecordBatch) -> Iterator[tuple[str | None, pa.RecordBatch]]:
        """Stored episodes, grouped by the plan's label of their scenario; None for those it does not ask for.

        Args:
            batch: with `COLUMNS`.
        """
        labels = [self.label(row) for row in batch.select(COLUMNS).to_pylist()]
        distinct = dict.fromkeys(labels)
        for label in distinct:
            yield label, batch if len(distinct) == 1 else batch.filter(pa.array([one == label for one in labels]))

    def label(self, row: Mapping[str, Any]) -> str | None:
        """The plan's label of a stored episode's scenario; None if the plan does not ask for the episode.

        Args:
            row: columns of `schema.EPISODES` by name.
        """
        seed, repetition = row["seed"], row["repetition"]
        for part in self._parts.get((row["scenario"], row["agent"]), ()):
            if repetition < part.repetitions and seed in part.seeds:
                if episode_id(part.digest, seed, repetition).hex() == row["episode_id"]:
                    return part.label
        return None


COLUMNS = ("episode_id", "scenario", "agent", "seed", "repetition")
"""The columns that `PlannedEpisodes.label` reads."""
