"""Requests per second of the cache policies: `python -m benchmarks.caching`.

One process on one core; the trace is Zipf 1.0 over 100,000 objects of one byte, the cache holds
1000. libCacheSim (in C, one thread) is measured if it is installed: playing the whole trace by
itself from an oracleGeneral file, and called from Python request by request. Every figure is the
best of five.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import infraray
from benchmarks.table import Row, print_table
from infraray.scenarios.caching.policies import EVICTION_POLICIES, replay
from infraray.scenarios.caching.traces.read import REQUEST

POLICIES = {"lru": "LRU", "sieve": "Sieve", "s3_fifo": "S3FIFO", "w_tiny_lfu": "WTinyLFU"}
"""Our names and libCacheSim's."""

CAPACITY = 1000
REQUESTS = 1_000_000
TARGET = 3e6


def best_seconds(run: Callable[[], object]) -> float:
    """The shortest of five runs."""
    seconds = []
    for _ in range(5):
        before = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - before)
    return min(seconds)


def policies() -> list[Row]:
    """Each policy against the target, and against libCacheSim in C and from Python."""
    cumulative = np.cumsum(1 / np.arange(1, 100_001))
    keys = np.searchsorted(cumulative, np.random.default_rng(1).random(REQUESTS) * cumulative[-1])
    listed, sizes = keys.tolist(), [1] * REQUESTS
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "trace.oracleGeneral.bin")
        requests = np.zeros(REQUESTS, REQUEST)
        requests["key"], requests["size"] = keys, 1
        path.write_bytes(requests.tobytes())
        for name, their_name in POLICIES.items():
            ours = REQUESTS / best_seconds(lambda name=name: replay(EVICTION_POLICIES[name](CAPACITY), listed, sizes))
            shown = f"{ours / 1e6:.1f} M requests/s"
            if name in ("lru", "sieve"):
                rows.append(Row(f"caching: {name}", shown, "target", "3 M requests/s", ours / TARGET, ">= 1"))
            for how, theirs in libcachesim_speeds(their_name, path, listed).items():
                rows.append(Row(f"caching: {name}", shown, how, f"{theirs / 1e6:.1f} M requests/s", ours / theirs, ""))
    return rows


def libcachesim_speeds(name: str, path: Path, listed: list[int]) -> dict[str, float]:
    """Requests per second of libCacheSim; empty if it is not installed."""
    try:
        import libcachesim
    except ImportError:
        return {}
    theirs = getattr(libcachesim, name)

    def alone() -> None:
        reader = libcachesim.TraceReader(str(path), libcachesim.TraceType.ORACLE_GENERAL_TRACE)
        theirs(CAPACITY, hashpower=16).process_trace(reader)

    def called() -> None:
        cache, request = theirs(CAPACITY, hashpower=16), libcachesim.Request()
        request.obj_size = 1
        for key in listed:
            request.obj_id = key
            cache.get(request)

    return {
        "libCacheSim, all in C": REQUESTS / best_seconds(alone),
        "libCacheSim, from Python": REQUESTS / best_seconds(called),
    }


def environments() -> list[Row]:
    """The vector environment over the single one."""
    tasks, steps = 1000, 300
    single = infraray.make("caching", text=False)
    vector = infraray.make_vector("caching", tasks)
    actions = np.random.default_rng(0).integers(single.action_space.n, size=(steps, tasks))

    def play_single() -> None:
        single.reset(seed=0)
        for action in actions[:, 0].tolist():
            single.step(action)

    def play_vector() -> None:
        vector.reset(seed=0)
        for row in actions:
            vector.step(row)

    alone = steps / best_seconds(play_single)
    together = tasks * steps / (best_seconds(play_vector) - best_seconds(lambda: vector.reset(seed=0)))
    figures = f"{together / 1e3:.0f} k steps/s", f"{alone / 1e3:.0f} k steps/s"
    return [Row(f"caching: {tasks} tasks at once", figures[0], "one task, text off", figures[1], together / alone, "")]


def main() -> list[Row]:
    """Measures and returns the rows of the table."""
    return policies() + environments()


if __name__ == "__main__":
    print_table(main())
