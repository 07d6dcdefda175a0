r"""What tuning an inference server gains: `python -m benchmarks.inference_search`, where an engine is installed.

For each workload: the reference server, the engine's defaults, and the best configuration that each
searcher finds in the same wall-clock time on the development seed. The defaults and the best are
then launched anew and measured on the evaluation seeds; the table gives mean and 95 % interval
(Student's t) of the score, the speedup over the reference on the same requests, and the roofline.
Without quality gate: random weights answer no questions.

    python -m benchmarks.inference_search --model DIR --workload A-cpu --workload C-cpu \
        --engine vllm-cpu --engine transformers --searcher random --searcher tpe --seconds 300
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Sequence
from typing import Any

import yaml

from infraray.scenarios.inference.bench import Bench, Trial
from infraray.scenarios.inference.bound import best_score
from infraray.scenarios.inference.metrics import higher_is_better
from infraray.scenarios.inference.parameters import InferenceParameters
from infraray.scenarios.inference.workloads import SEED_PAIRS
from infraray.tune.searchers.registry import make_searcher
from infraray.tune.values import Configuration

T_975 = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}
"""Student's t, by the number of samples."""

DEV = SEED_PAIRS[0].dev
PENALTY = 1e6


def interval(samples: Sequence[float]) -> str:
    """Mean and half width of the 95 % interval."""
    mean = sum(samples) / len(samples)
    if len(samples) < 2:
        return f"{mean:.4g}"
    deviation = math.sqrt(sum((sample - mean) ** 2 for sample in samples) / (len(samples) - 1))
    return f"{mean:.4g} ± {T_975[len(samples)] * deviation / math.sqrt(len(samples)):.2g}"


def search(bench: Bench, searcher_name: str, seconds: float, seed: int) -> tuple[Configuration, int, int]:
    """The best configuration on the development seed, and how many were measured and failed."""
    setting = bench.setting
    more = higher_is_better(setting.workload.objective)
    searcher = make_searcher(searcher_name, setting.space, (setting.workload.num_requests,), seed)
    best, best_loss = setting.space.default, math.inf
    measured = failed = 0
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        proposal = searcher.ask()
        if proposal is None:
            break
        trial = bench.evaluate(proposal.configuration, DEV, time_limit_s=max(1.0, deadline - time.monotonic()))
        if time.monotonic() >= deadline and trial.failure is not None:
            break
        measured += 1
        failed += not math.isfinite(trial.score)
        loss = PENALTY if not math.isfinite(trial.score) else -trial.score if more else trial.score
        print(
            f"  {searcher_name} {measured}: {trial.score:.4g} {trial.failure or ''} start {trial.start_s:.0f} s",
            flush=True,
        )
        print(f"    {setting.command_line(proposal.configuration)}", flush=True)
        searcher.tell(proposal, loss)
        if loss < best_loss:
            best, best_loss = proposal.configuration, loss
    bench.stop()
    return best, measured, failed


def confirmed(bench: Bench, configuration: Configuration, seeds: Sequence[int]) -> list[Trial]:
    """A clean start, measured on the evaluation seeds."""
    return [bench.evaluate(configuration, seed, clean=seed == seeds[0]) for seed in seeds]


def main() -> None:
    """Measures and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="a folder in Hugging Face's format")
    parser.add_argument(
        "--workload", action="append", required=True, help="a preset, or YAML such as {preset: A-quick}"
    )
    parser.add_argument("--engine", action="append", required=True, help="a launch space; several are searched jointly")
    parser.add_argument("--searcher", action="append", required=True, help="random, tpe, bohb or smac")
    parser.add_argument("--seconds", type=float, default=300.0, help="for each search (%(default)s)")
    parser.add_argument("--seeds", type=int, default=3, help="evaluation seeds (%(default)s)")
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE", help="for the engines")
    parser.add_argument("--flag", action="append", default=[], metavar="SPACE:NAME=VALUE", help="given to every launch")
    parser.add_argument("--folder", default="runs/inference", help="keeps requests and the reference (%(default)s)")
    given = parser.parse_args()
    flags: dict[str, dict[str, Any]] = {}
    for flag in given.flag:
        space, _, rest = flag.partition(":")
        name, _, value = rest.partition("=")
        flags.setdefault(space, {})[name] = yaml.safe_load(value)
    rows = []
    for workload in given.workload:
        parameters = InferenceParameters.parse(
            "inference",
            {
                "model": given.model,
                "workload": yaml.safe_load(workload),
                "engines": given.engine,
                "env": dict(pair.split("=", 1) for pair in given.env),
                "flags": flags,
                "folder": given.folder,
            },
        )
        bench = Bench(parameters.setting())
        seeds = [pair.eval for pair in SEED_PAIRS][: given.seeds]
        try:
            references = [bench.reference(seed).score for seed in seeds]
            print(f"{workload}: reference {interval(references)}", flush=True)
            roofline = bench.roofline()
            space = bench.setting.space
            limit = (
                best_score(parameters.workload, bench.requests(seeds[0]), roofline, space, seeds[0])
                if roofline
                else math.nan
            )
            plain = (
                best_score(parameters.workload, bench.requests(seeds[0]), roofline, None, seeds[0])
                if roofline
                else math.nan
            )
            rows.append([workload, "reference (transformers)", interval(references), "1", f"{plain:.3g}", ""])
            candidates: list[tuple[str, Configuration, str]] = [("defaults", space.default, "")]
            for searcher in given.searcher:
                best, measured, failed = search(bench, searcher, given.seconds, seed=0)
                candidates.append((f"{searcher}, {measured} trials, {failed} failed", best, searcher))
            for name, configuration, _ in candidates:
                trials = confirmed(bench, configuration, seeds)
                scores = [trial.score for trial in trials]
                speedups = [bench.speedup(trial.score, seed) for trial, seed in zip(trials, seeds, strict=True)]
                print(f"  {name}: {scores} {[trial.failure for trial in trials]}", flush=True)
                line = bench.setting.command_line(configuration)
                rows.append([workload, name, interval(scores), interval(speedups), f"{limit:.3g}", f"`{line}`"])
        finally:
            bench.stop()
    print("| workload | who | score | speedup | roofline | launch |")
    print("|---|---|---|---|---|---|")
    for row in rows:
        print(f"| {' | '.join(row)} |")
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
