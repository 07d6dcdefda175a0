"""The scenario in words: the task, the settings, and the history of measurements."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

from infraray.hardware.machine import this_machine
from infraray.load.metrics import higher_is_better
from infraray.load.workloads import Workload
from infraray.scenarios.inference.bench import MeasuredLaunch
from infraray.scenarios.inference.setting import Setting
from infraray.space.hyperparameters import Float, Int
from infraray.space.search_space import SearchSpace
from infraray.space.values import Configuration

OBJECTIVES = {
    "ttft": "mean time to first token in s (less is better)",
    "tpot": "mean time per output token in s (less is better)",
    "request_throughput": "requests per second, the geometric mean over the traffics (more is better)",
    "balanced": "the geometric mean of 1/TTFT, 1/TPOT and requests per second (more is better)",
}
SHOWN = 30
"""Number of measurements that the history shows: the best one and the latest."""


def describe_workload(workload: Workload) -> str:
    """What is sent."""
    traffic = "; ".join(one.label for one in workload.traffic)
    return (
        f"{workload.num_requests} requests of {workload.shortest_input} to {workload.input_tokens} prompt tokens and "
        f"{workload.shortest_output} to {workload.output_tokens} output tokens, sent as {traffic}"
    )


def describe_space(space: SearchSpace) -> str:
    """Every setting with its values and its default."""
    lines = []
    for one in space.hyperparameters:
        if isinstance(one, Float | Int):
            values = f"{one.low:g} to {one.high:g}"
        else:
            values = ", ".join(json.dumps(value) for value in one.values)
        when = " and ".join(f"{name} is {' or '.join(map(str, of))}" for name, of in one.when.items())
        lines.append(f"- {one.name}: {values}; default {json.dumps(one.default)}{f'; only if {when}' if when else ''}")
    rules = [f"- not together: {rule}" for rule in space.forbidden]
    return "\n".join([*lines, *rules])


def describe_task(setting: Setting, budget_s: float) -> str:
    """The system and the aim."""
    engines = ", ".join(
        f"{kind.name} ({space.versions}{'' if kind.ignores_eos else '; ends an answer where the model does'})"
        for kind, space in setting.spaces.values()
    )
    objective = OBJECTIVES[setting.workload.objective]
    return (
        f"You tune an LLM inference server on {this_machine()}. The model is {setting.model or '(none given)'}; the "
        f"engine is {engines}. The load: {describe_workload(setting.workload)}. What counts is the speedup over a "
        f"plain PyTorch server in {objective}. You have {budget_s:g} s of wall-clock time to launch configurations and "
        "measure them; thinking counts. What you submit is launched again from a clean start and measured with other "
        "requests; it must also answer questions as well as the plain server does, and be honest: the model itself "
        "generates every token. What fails in any of this counts as a speedup of 1. If the time is over before you "
        "submit, the last configuration that was measured successfully is your submission."
    )


def describe_actions(space: SearchSpace) -> str:
    """What may be answered."""
    first = {name: space.default[name] for name in list(space.default)[:2]}
    return (
        'Answer with one JSON object: {"evaluate": {settings}} launches a configuration and measures it; '
        '{"submit": {settings}} ends the search with it. Settings that you leave out have their defaults (null is the '
        f"engine's own). Example: {json.dumps({'evaluate': first})}\nThe settings:\n{describe_space(space)}"
    )


def describe_history(
    setting: Setting, trials: Sequence[MeasuredLaunch], speedups: Sequence[float], left_s: float
) -> str:
    """The measurements so far, and the remaining time."""
    lines = [f"{left_s:.0f} s left. {len(trials)} measurements."]
    best = max(
        (number for number in range(len(trials)) if math.isfinite(speedups[number])),
        default=None,
        key=speedups.__getitem__,
    )
    shown = sorted({*range(max(0, len(trials) - SHOWN), len(trials)), *([best] if best is not None else [])})
    for number in shown:
        mark = "best so far, " if number == best else ""
        lines.append(f"{number + 1}. {mark}{describe_trial(setting, trials[number], speedups[number])}")
    return "\n".join(lines)


def describe_trial(setting: Setting, trial: MeasuredLaunch, speedup: float) -> str:
    """One measurement in a line."""
    changed = _changed(setting.space, trial.configuration)
    what = trial.server or (json.dumps(changed) if changed else "the defaults")
    if trial.failure is not None or trial.measurement is None:
        return f"{what}: failed after {trial.start_s + trial.measure_s:.0f} s: {trial.failure}"
    figures = []
    for one in trial.measurement.traffics:
        metrics = one.metrics
        figures.append(
            f"{one.traffic.arrivals}: TTFT mean {metrics.ttft_s.mean * 1e3:.0f} ms, p99 {metrics.ttft_s.p99 * 1e3:.0f} "
            f"ms, TPOT mean {metrics.tpot_s.mean * 1e3:.1f} ms, {metrics.request_throughput:.2f} requests/s, "
            f"{metrics.output_throughput:.0f} tokens/s"
        )
    unit = "" if higher_is_better(setting.workload.objective) else " s"
    said = f"{what}: speedup {speedup:.3f} ({trial.score:.4g}{unit}); {'; '.join(figures)}; start {trial.start_s:.0f} s"
    return said + "".join(f"; note: {warning}" for warning in trial.measurement.warnings)


def _changed(space: SearchSpace, configuration: Configuration) -> Configuration:
    """The settings that are not at their defaults."""
    return {name: value for name, value in configuration.items() if value != space[name].default}
