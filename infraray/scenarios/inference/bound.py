"""The best physically possible score: the roofline, granting everything that settings could gain."""

from __future__ import annotations

import math
from dataclasses import replace

from infraray.hardware.roofline import Roofline
from infraray.load.arrivals import arrival_times
from infraray.load.requests import RequestSet
from infraray.load.workloads import Traffic, Workload
from infraray.space.hyperparameters import Hyperparameter
from infraray.space.search_space import SearchSpace

QUANTISED_BITS = {"fp8": 8, "eetq": 8, "bitsandbytes": 8, "gptq": 4, "awq": 4}
"""Lower bounds on bits per weight for the engines' quantisation flags."""


def best_score(
    workload: Workload, requests: RequestSet, roofline: Roofline, space: SearchSpace | None, seed: int
) -> float:
    """The score that no server can beat, by the workload's objective.

    It grants every speculated token and the narrowest weights and caches that can be set. Prompts are new to the
    server, so no cache holds them. Open-loop traffic lasts at least until its last arrival.

    Args:
        workload: the objective and the traffics.
        requests: the requests.
        roofline: the model as it is stored, on its device.
        space: the settings; None for the model as stored and one token per step.
        seed: the seed of the arrival times.
    """
    per_step = 1.0
    if space is not None:
        roofline = _with_everything(roofline, space)
        per_step += max(_numbers(space, "num_speculative_tokens"), default=0.0)
    prompts = [request.prompt_tokens for request in requests.requests]
    outputs = [request.output_tokens for request in requests.requests]
    count = len(prompts)
    ttft_s = sum(map(roofline.least_ttft_s, prompts)) / count
    contexts = [prompt + output / 2 for prompt, output in zip(prompts, outputs, strict=True)]
    tpot_s = sum(roofline.least_tpot_s(context, per_step) for context in contexts) / count
    prompt, output = sum(prompts) / count, sum(outputs) / count
    rates = []
    for traffic in workload.traffic:
        rate = roofline.most_request_throughput(prompt, output, _at_once(traffic, count), per_step)
        last_s = float(arrival_times(traffic, count, seed)[-1])
        rates.append(min(rate, count / last_s) if last_s > 0 else rate)
    throughput = math.exp(sum(map(math.log, rates)) / len(rates))
    scores: dict[str, float] = {
        "ttft": ttft_s,
        "tpot": tpot_s,
        "request_throughput": throughput,
        "balanced": math.cbrt(throughput / (ttft_s * tpot_s)),
    }
    return scores[workload.objective]


def _at_once(traffic: Traffic, count: int) -> int:
    return min(traffic.concurrency or count, count)


def _with_everything(roofline: Roofline, space: SearchSpace) -> Roofline:
    model = roofline.model
    for one in _named(space, "quantization", "quantize"):
        widths = [QUANTISED_BITS[value] for value in map(str, one.values) if value in QUANTISED_BITS]
        model = replace(model, weight_bits=min([model.weight_bits, *widths]))
    if any("fp8" in str(value) for one in _named(space, "kv_cache_dtype") for value in one.values):
        model = replace(model, kv_bits=min(8, model.kv_bits))
    if any(str(value) in ("bfloat16", "float16") for one in _named(space, "dtype") for value in one.values):
        model = replace(model, weight_bits=min(16, model.weight_bits), kv_bits=min(16, model.kv_bits))
    return replace(roofline, model=model)


def _named(space: SearchSpace, *names: str) -> list[Hyperparameter]:
    """The hyperparameters with a name; in a joint space, one per engine."""
    return [one for one in space.hyperparameters if one.name.rpartition(".")[2] in names]


def _numbers(space: SearchSpace, name: str) -> list[float]:
    return [float(value) for one in _named(space, name) for value in one.values if isinstance(value, int | float)]
