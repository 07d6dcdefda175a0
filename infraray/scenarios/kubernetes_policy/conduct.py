"""The outcome of an episode.

A pair of ends, who sends and who receives, is wrong if an attempt to connect does not end as intended, or if the
policies permit anything else between them than they did in the intact cluster. What counts is which pairs are wrong,
and whether everything that runs is still the same.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass

from infraray.repair import conduct
from infraray.repair.conduct import Deed
from infraray.scenarios.kubernetes_policy.effect import Pair


@dataclass
class Conduct(conduct.Conduct):
    """All commands of an episode together; pairs are broken that are wrong, and harmed is what runs.

    Args:
        repaired: the share that is repaired, see `repaired_share`.
    """

    repaired: float = 0.0

    def add(self, deed: Deed, wrong: int, repaired: float, harmed: int) -> None:
        """Counts a command that leaves so many pairs wrong, such a share repaired, and so much harmed of what runs."""
        self.count(deed, wrong, harmed)
        self.repaired = repaired

    @property
    def restored(self) -> float:
        """The share that is repaired. What runs no longer as it did counts as nothing repaired."""
        return 0.0 if self.harmed else self.repaired

    def metrics(self) -> dict[str, float]:
        """The counts by name."""
        return super().metrics() | {
            "harmed_workloads": float(self.harmed),
            "pairs_lost": float(self.lost),
            "pairs_wrong_at_start": float(self.broken_at_start),
            "pairs_wrong_at_end": float(self.broken),
        }


def repaired_share(by_fault: Sequence[Set[Pair]], wrong: Set[Pair]) -> float:
    """The share of the faults that is repaired. All count alike, though some make a hundred pairs wrong and others two.

    Args:
        by_fault: the pairs that each fault made wrong at the start.
        wrong: the pairs that are wrong now; those that were not wrong at the start take as much off as any other.
    """
    known = set[Pair]().union(*by_fault)
    repaired = sum(len(pairs - wrong) / len(pairs) for pairs in by_fault) / len(by_fault)
    return max(0.0, repaired - len(wrong - known) / len(known))
