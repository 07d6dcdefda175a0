"""Steps per second of adaptive bitrate: `python -m benchmarks.abr`.

The reference is tests/reference/abr.py, which walks the throughput trace segment by segment.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import infraray
from benchmarks.stepping import compare
from benchmarks.table import Row, print_table
from infraray.scenarios.abr.chunks import chunk_sizes, delay_factors
from infraray.scenarios.abr.throughput import draw_link
from tests.reference.abr import ReferencePlayer

SETTINGS: dict[str, dict[str, Any]] = {
    "abr": {},
    "abr, pensieve": {"preset": "pensieve"},
    "abr, cellular": {"throughput": "cellular"},
}


def reference(environment: infraray.Environment, seed: int, qualities: Sequence[int]) -> Callable[[], object]:
    """The event-by-event player of a task, given Python's own numbers."""
    parameters = environment.parameters
    trace, start_s = draw_link(parameters, seed)
    sizes, factors = chunk_sizes(parameters, seed).tolist(), delay_factors(parameters, seed).tolist()
    player = ReferencePlayer(np.diff(trace.times).tolist(), trace.rates.tolist(), start_s, sizes, factors, parameters)

    def play() -> None:
        for quality in qualities:
            player.step(quality)

    return play


def main() -> list[Row]:
    """Measures and returns the rows of the table."""
    return [row for name, arguments in SETTINGS.items() for row in compare("abr", name, arguments, reference)]


if __name__ == "__main__":
    print_table(main())
