"""Seconds that something takes, here and in interpreters that know nothing yet."""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any


def seconds(what: Callable[[], object]) -> float:
    """Of one call."""
    began = time.perf_counter()
    what()
    return time.perf_counter() - began


def median_of_interpreters(program: str, repeats: int) -> float:
    """Median of what a program prints, run in so many fresh interpreters."""
    command = [sys.executable, "-c", program]
    said = [subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(repeats)]
    return statistics.median(map(float, said))


def in_fresh_process(what: Callable[..., float], *arguments: Any) -> float:
    """A function's result in a process that remembers nothing of what was done here."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(what, *arguments).result()
