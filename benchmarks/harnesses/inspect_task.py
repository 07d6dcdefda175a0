"""The load of benchmarks/harness.py as a task of inspect_ai."""

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.scorer import match
from inspect_ai.solver import generate


@task
def guess(requests: int) -> Task:
    """As many samples as requests, each of one turn."""
    samples = [Sample(input=f"Guess {number}: 0 or 1?", target=str(number % 2)) for number in range(requests)]
    return Task(dataset=MemoryDataset(samples), solver=generate(), scorer=match())
