"""The end of a training with GRPO: the best checkpoint is chosen, and stands in one table beside what it began from.

It is chosen by the trials on held-out seeds that the trainer makes on the way (``test_every``), and not by the last
step: a policy may collapse after it was good. The best of several is partly lucky on the tasks by which it was chosen.
So the seeds of the trials are every second held-out one, and the table is played on the others.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from infraray.errors import InfrarayError
from infraray.reports.report import Report
from infraray.runs.run_file import RunSpec
from infraray.statistics.comparisons import Comparison
from infraray.summary import Summary
from infraray.training.figures import STEPS_FILE, read_figures
from infraray.training.grpo_file import GrpoSpec
from infraray.training.starts import checkpoints

EVALUATION, BEST = "evaluation", "best"
BASE, TRAINED = "base", "trained"
"""The engines of the table."""

_REWARD = re.compile(r"val-core/.+/reward/mean@\d+")
"""verl's names of a trial's mean rewards, one for each kind of task."""


class Chosen(NamedTuple):
    """A checkpoint.

    Args:
        step: after which it was written.
        weights: its folder, in Hugging Face's format.
        reward: its mean reward in the trial; NaN if there was none, and it is the latest.
    """

    step: int
    weights: Path
    reward: float


def choose(folder: Path) -> Chosen:
    """The best checkpoint of a training; of equal ones the first.

    Raises:
        InfrarayError: there is none.
    """
    found = checkpoints(folder)
    if not found:
        raise InfrarayError(f"{folder}: has no checkpoint to evaluate; save_every may be too rare")
    rewards = {
        line["step"]: trial_reward(line["held_out"])
        for line in read_figures(folder / STEPS_FILE)
        if "held_out" in line and line["step"] in found
    }
    known = {step: reward for step, reward in rewards.items() if math.isfinite(reward)}
    step = max(known, key=lambda step: known[step]) if known else max(found)
    return Chosen(step, found[step], known.get(step, math.nan))


def keep(folder: Path, chosen: Chosen) -> Path:
    """Makes ``best`` in a training's folder name a checkpoint; returns it."""
    best, made = folder / BEST, folder / f".{BEST}-{os.getpid()}"
    made.unlink(missing_ok=True)
    made.symlink_to(os.path.relpath(chosen.weights, folder))
    made.replace(best)
    return best


def trial_reward(figures: Mapping[str, Any]) -> float:
    """The mean reward of a trial over its kinds of tasks; NaN if it has none."""
    rewards = [float(value) for name, value in figures.items() if _REWARD.fullmatch(name)]
    return sum(rewards) / len(rewards) if rewards else math.nan


def evaluate(spec: GrpoSpec, folder: Path, quiet: bool = False) -> tuple[Summary, Path] | None:
    """Plays base and best policy, and what they are measured beside, on held-out seeds.

    Returns:
        The run's summary and folder; None if the training asks for no evaluation.

    Raises:
        InfrarayError: the run cannot be played, or there is no checkpoint.
    """
    if spec.evaluation is None:
        return None
    from infraray.launch import run

    chosen = choose(folder)
    run_dir = folder / f"{EVALUATION}-{chosen.step}"
    return run(evaluation_run(spec, chosen.weights), run_dir, quiet), run_dir


def evaluation_run(spec: GrpoSpec, trained: Path) -> RunSpec:
    """The run that compares base and trained policy.

    Args:
        spec: the training.
        trained: the folder of the trained policy.
    """
    assert spec.evaluation is not None
    options = "&".join(f"{name}={quote(str(value))}" for name, value in spec.chat.items())
    engines = {name: spec.engine_spec(name, str(model)) for name, model in ((BASE, spec.model), (TRAINED, trained))}
    return RunSpec.parse(
        {
            "name": f"{spec.name}-evaluation",
            "imports": spec.imports,
            "scenarios": spec.training_set().run_sections(),
            "agents": [*spec.evaluation.against, *(f"engine:{name}?{options}".rstrip("?") for name in engines)],
            "engines": {name: engine.model_dump(exclude_unset=True) for name, engine in engines.items()},
            "seeds": spec.table_seeds,
        }
    )


def gains(report: Report) -> list[tuple[str, Comparison]]:
    """The trained policy against the base, on the same tasks, for each label of the evaluation's scenarios."""
    found = []
    for scenario in report.scenarios:
        pairs = {
            frozenset(_engine(agent) for agent in (pair.agent, pair.other)): pair
            for pair in scenario.leaderboard.comparisons
        }
        pair = pairs.get(frozenset({BASE, TRAINED}))
        if pair is not None:
            found.append((scenario.label, pair if _engine(pair.agent) == TRAINED else pair.reversed()))
    return found


def _engine(agent: str) -> str:
    kind, _, name = agent.partition("?")[0].partition(":")
    return name if kind == "engine" else agent
