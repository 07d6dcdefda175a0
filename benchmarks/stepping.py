"""Steps per second of a simulator on one core: event by event, single and vectorised.

All three play the same tasks with the same random actions and show the same numbers at each step.
They take turns, and the best of each counts, so that other users of the machine affect all alike.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import infraray
from benchmarks.table import Row

TASKS = 4096
"""Tasks that the vector environment plays at once."""

PLAIN_STEPS = 10_000
"""Steps that the two plain players take in one repetition."""

REPEATS = 5

Prepare = Callable[[infraray.Environment, int, Sequence[int]], Callable[[], object]]
"""Makes, from an environment, a seed and actions, a function that plays the task event by event."""


def compare(scenario: str, setting: str, arguments: dict[str, Any], prepare: Prepare) -> list[Row]:
    """The rows of one setting: the single and the vector environment over the reference."""
    single = infraray.make(scenario, text=False, **arguments)
    vector = infraray.make_vector(scenario, TASKS, **arguments)
    single.reset(seed=0)
    vector.reset(seed=0)
    length = 0
    over = False
    while not over:
        _, _, over, _, _ = single.step(0)
        length += 1
    actions = np.random.default_rng(0).integers(single.action_space.n, size=(length, TASKS))
    listed = actions.T[: max(1, PLAIN_STEPS // length)].tolist()

    def play_reference() -> float:
        seconds = 0.0
        for seed, choices in enumerate(listed):
            play = prepare(single, seed, choices)
            before = time.perf_counter()
            play()
            seconds += time.perf_counter() - before
        return len(listed) * length / seconds

    def play_single() -> float:
        seconds = 0.0
        for seed, choices in enumerate(listed):
            single.reset(seed=seed)
            before = time.perf_counter()
            for action in choices:
                single.step(action)
            seconds += time.perf_counter() - before
        return len(listed) * length / seconds

    def play_vector() -> float:
        vector.reset(seed=0)
        before = time.perf_counter()
        for row in actions:
            vector.step(row)
        return TASKS * length / (time.perf_counter() - before)

    plays = [play_reference, play_single, play_vector]
    speeds = [[play() for play in plays] for _ in range(REPEATS)]
    reference, alone, together = (max(column) for column in zip(*speeds, strict=True))
    ours = f"{alone / 1e3:.0f} k steps/s", f"{together / 1e6:.1f} M steps/s"
    theirs = f"{reference / 1e3:.0f} k steps/s"
    return [
        Row(f"{setting}: one task, text off", ours[0], "event by event", theirs, alone / reference, ">= 2"),
        Row(f"{setting}: {TASKS} tasks", ours[1], "event by event", theirs, together / reference, ">= 100"),
    ]
