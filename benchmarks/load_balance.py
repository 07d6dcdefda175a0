"""Steps per second of load balancing: `python -m benchmarks.load_balance`.

The reference is tests/reference/load_balance.py: jobs, queues and a heap of events.
"""

from collections.abc import Callable, Sequence
from typing import Any

import infraray
from benchmarks.stepping import compare
from benchmarks.table import Row, print_table
from infraray.scenarios.load_balance.jobs import generate_jobs
from tests.reference.load_balance import simulate

SETTINGS: dict[str, dict[str, Any]] = {
    "load_balance": {},
    "load_balance, park": {"preset": "park"},
    "load_balance, park, seeing what Park shows": {"preset": "park", "observe": ("work_left", "job_size")},
}


def reference(environment: infraray.Environment, seed: int, servers: Sequence[int]) -> Callable[[], object]:
    """The event-by-event simulation of a task, given Python's own numbers."""
    parameters = environment.parameters
    arrivals, sizes = (column.tolist() for column in generate_jobs(parameters, seed))
    choices = iter(servers)
    rates = parameters.rates.tolist()
    return lambda: simulate(arrivals, sizes, rates, parameters.observe, lambda _: next(choices))


def main() -> list[Row]:
    """Measures and returns the rows of the table."""
    return [row for name, arguments in SETTINGS.items() for row in compare("load_balance", name, arguments, reference)]


if __name__ == "__main__":
    print_table(main())
