"""The figures of a training's steps: what is kept of verl's some hundred, and how they are shown."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple


class Figure(NamedTuple):
    """A figure of a step.

    Args:
        title: the head of its column.
        style: how a number is written.
        verl: verl's name for it; "" for a mean over the rollouts' own figures.
    """

    title: str
    style: str
    verl: str = ""


STEPS_FILE = "steps.jsonl"

SHARED_STATES = "infraray/shared_states"

FIGURES = {
    "reward": Figure("reward", ".3f", "critic/rewards/mean"),
    "normalized_score": Figure("score", ".3f"),
    "correct": Figure("correct", ".0%"),
    "safe": Figure("safe", ".0%"),
    "invalid_actions": Figure("invalid", ".2f"),
    "steps": Figure("turns", ".1f"),
    "response_tokens": Figure("tokens", ".0f", "response_length/mean"),
    "entropy": Figure("entropy", ".3f", "actor/entropy"),
    "kl": Figure("KL", ".4f", "actor/kl_loss"),
    "probability_difference": Figure("difference", ".5f", "training/rollout_probs_diff_mean"),
    "gradient_norm": Figure("gradient", ".3f", "actor/grad_norm"),
    "filtered_groups": Figure("filtered", ".0f", "training/filter_groups/evicted_samples"),
    "shared_states": Figure("shared", ".0%", SHARED_STATES),
    "staleness": Figure("stale", ".1f", "training/off_policy/trajectory_staleness/mean"),
    "step_s": Figure("seconds", ".1f", "timing_s/step"),
    "generating_share": Figure("generating", ".0%"),
}
"""By their name in the file, in the order in which they are shown; `reward` is the mean over sequences."""

AVERAGED = (
    *("normalized_score", "correct", "safe", "invalid_actions", "steps", "unsafe_steps", "environment_failures"),
    "recorded",
)


def step_figures(metrics: Mapping[str, Any], rollouts: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """The figures of a step; None where there is none.

    Args:
        metrics: verl's.
        rollouts: the figures of each rollout.
    """
    found = {name: _number(metrics.get(figure.verl)) for name, figure in FIGURES.items() if figure.verl}
    for name in AVERAGED:
        found[name] = _mean(rollout.get(name, math.nan) for rollout in rollouts)
    step_s, gen_s = (_number(metrics.get(f"timing_s/{part}")) for part in ("step", "gen"))
    found["generating_share"] = gen_s / step_s if step_s and gen_s is not None else None
    return {"step": int(metrics["training/global_step"]), "rollouts": len(rollouts), **found}


def read_figures(path: Path) -> list[dict[str, Any]]:
    """The figures of all steps so far, oldest first; of one that was made again after a crash, the last."""
    lines: dict[tuple[int, bool], dict[str, Any]] = {}
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            figures = json.loads(line)
        except ValueError:
            continue  # cut off by a crash; the step is made again
        lines[figures["step"], "held_out" in figures] = figures
    return [lines[key] for key in sorted(lines)]


def shown(figures: Mapping[str, Any]) -> list[str]:
    """The figures of a step as text, in the order of `FIGURES`."""
    return ["" if figures.get(name) is None else format(figures[name], one.style) for name, one in FIGURES.items()]


def _number(value: Any) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def _mean(values: Iterable[float]) -> float | None:
    known = [value for value in values if math.isfinite(value)]
    return sum(known) / len(known) if known else None
