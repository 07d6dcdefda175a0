"""The front door of the load generator: measures any OpenAI-compatible server."""

from infraray.load.benchmark.bench import BENCH, bench
from infraray.load.benchmark.result import Benchmark

__all__ = ["BENCH", "Benchmark", "bench"]
