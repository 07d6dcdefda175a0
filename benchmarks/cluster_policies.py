"""Thousands of random policy sets: the kernel of an emulated cluster beside our evaluator.

    python -m benchmarks.cluster_policies [--cases N] [--first SEED]

Plays N cases of `infraray.network_policies.draw_case` with their changes, each in a cluster of its own, measures all
pairs of pods, ports and protocols after every change, and prints the coverage and every disagreement (target: none).
Some five minutes for 1000 cases.
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor
from random import Random

from infraray.emulators.cluster.cluster import Cluster
from infraray.network_policies import Coverage, draw_case
from tests.emulators.cluster.live import play_case

CASES = 1000
AT_ONCE = 2


def play(seed: int) -> tuple[int, int, list[str]]:
    """The seed, how many states its case had, and where kernel and evaluator disagree."""
    with Cluster(pods=6) as cluster:
        return seed, *play_case(cluster, seed)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--cases", type=int, default=CASES)
    parser.add_argument("--first", type=int, default=0, metavar="SEED")
    given = parser.parse_args()
    coverage, states, wrong = Coverage(), 0, 0
    with ThreadPoolExecutor(AT_ONCE) as threads:
        for seed, count, found in threads.map(play, range(given.first, given.first + given.cases)):
            coverage.add(draw_case(Random(seed)).kinds())
            states += count
            wrong += len(found)
            for line in found:
                print(f"seed {seed}: {line}", flush=True)
    print(coverage.table())
    print(f"{given.cases} cases, {states} states, {wrong} disagreements")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
