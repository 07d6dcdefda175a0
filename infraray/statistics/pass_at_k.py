"""Success within k attempts at a task: pass@k if any succeeds, pass^k if all succeed.

Unbiased estimates of both from n >= k attempts of which c succeeded: 1 - C(n - c, k) / C(n, k) (Chen et al.,
"Evaluating Large
Language Models Trained on Code", 2021) and C(c, k) / C(n, k) (Yao et al., "tau-bench", 2024).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import comb, fsum


@dataclass(frozen=True)
class Passes:
    """Means over tasks.

    Args:
        k: attempts.
        any: pass@k.
        all: pass^k.
        tasks: the number of tasks with at least k attempts.
    """

    k: int
    any: float
    all: float
    tasks: int


def passes(tasks: Mapping[tuple[int, int], int]) -> Passes | None:
    """The estimates for the largest k that every task allows; None if that is 1, which is the plain rate.

    Args:
        tasks: the number of tasks by (attempts, successes); those without attempts do not count.
    """
    attempted = {(n, c): count for (n, c), count in tasks.items() if n > 0}
    k = min((n for n, _ in attempted), default=0)
    if k < 2:
        return None
    total = sum(attempted.values())
    return Passes(
        k,
        fsum(count * pass_at_k(n, c, k) for (n, c), count in attempted.items()) / total,
        fsum(count * pass_hat_k(n, c, k) for (n, c), count in attempted.items()) / total,
        total,
    )


def pass_at_k(n: int, c: int, k: int) -> float:
    """The chance that k of n attempts, c of which succeeded, include a success."""
    return 1.0 - comb(n - c, k) / comb(n, k)


def pass_hat_k(n: int, c: int, k: int) -> float:
    """The chance that k of n attempts, c of which succeeded, are all successes."""
    return comb(c, k) / comb(n, k)
