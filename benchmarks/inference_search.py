r"""The gain from tuning an inference server: `python -m benchmarks.inference_search STUDY.yaml`, beside an engine.

Runs the study (such as examples/tuning.yaml) for each workload with each searcher, all with the same
budget, through `infraray search`: real launches, clean starts on the evaluation seeds, both gates.
Prints a table with the score in its own unit, the speedup over the reference server on the same
requests with its 95 % interval over the evaluation seeds, and the roofline of the model as stored.
Finished measurements are not repeated. A workload is a preset or your own, in the form of a study's file:
``{preset: B-cpu, num_requests: 16}``. On two cores, a study takes ten minutes:

    python examples/answering_model.py runs/answering
    python -m benchmarks.inference_search examples/tuning.yaml --out runs/tuning --workload C-cpu \
        --searcher random --searcher tpe --searcher bohb --searcher smac
"""

from __future__ import annotations

import argparse
import math
import re
from pathlib import Path
from typing import Any

import yaml

from infraray.scenarios.inference.bound import best_score
from infraray.scenarios.inference.objective import InferenceObjective
from infraray.tune.report import StudyReport, study_report
from infraray.tune.report.study_report import Standing
from infraray.tune.search import search
from infraray.tune.study_file import StudySpec, make_objective


def studies(base: StudySpec, workloads: list[str], searchers: list[str]) -> dict[str, list[StudySpec]]:
    """The studies by workload, one per searcher."""
    found: dict[str, list[StudySpec]] = {}
    for workload in workloads:
        for searcher in searchers:
            changed: dict[str, Any] = {
                "name": re.sub(r"[^\w-]+", "_", f"{workload}-{searcher}").strip("_"),
                "searcher": searcher,
                "parameters": {**base.parameters, "workload": yaml.safe_load(workload)},
            }
            found.setdefault(workload, []).append(StudySpec.parse({**base.model_dump(), **changed}))
    return found


def reference_row(workload: str, spec: StudySpec) -> list[str]:
    """The reference server's mean score, and the roofline's if the device is known."""
    objective = make_objective(spec)
    assert isinstance(objective, InferenceObjective)
    bench, seeds = objective.bench, objective.request.evaluation_seeds
    reference = sum(bench.reference(seed).score for seed in seeds) / len(seeds)
    roofline, limit = bench.roofline(), ""
    if roofline is not None:
        limit = f"{best_score(bench.setting.workload, bench.requests(seeds[0]), roofline, None, seeds[0]):.4g}"
    return [workload, "reference (transformers)", f"{reference:.4g}", "1", "", limit, ""]


def row(who: str, standing: Standing) -> list[str]:
    """One that was measured on the evaluation seeds."""
    score, metrics = standing.score, standing.measurement.metrics
    speedup = f"{score.value:.3g} [{score.low:.3g}, {score.high:.3g}]"
    if standing.measurement.failure is not None:
        speedup = f"{metrics.get('speedup_before_gates', math.nan):.3g}, but {standing.measurement.reason}"
    return ["", who, f"{metrics['score_native']:.4g}", speedup, standing.verdict, "", f"`{standing.label}`"]


def rows(report: StudyReport, first: bool) -> list[list[str]]:
    """The rows of a study, after the defaults if it is the workload's first."""
    counts = f"{len(report.trials)} trials, {len(report.failed)} failed"
    found = [row("defaults", report.defaults)] if first and report.defaults is not None else []
    for standing in report.standings:
        if standing.role in ("best", "refused") and standing is not report.defaults:
            found.append(row(f"{report.searcher}, {counts}", standing))
    if len(found) == first:
        found.append(["", f"{report.searcher}, {counts}", "", "nothing better than the defaults", "", "", ""])
    return found


def main() -> None:
    """Measures and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path, help="a study of the scenario inference")
    parser.add_argument("--workload", action="append", required=True, help="a preset or one's own; may be given again")
    parser.add_argument("--searcher", action="append", required=True, help="may be given again")
    parser.add_argument("--out", type=Path, default=Path("runs/tuning"), help="the studies' folders (%(default)s)")
    given = parser.parse_args()
    table: list[list[str]] = []
    for workload, specs in studies(StudySpec.load(given.study), given.workload, given.searcher).items():
        for number, spec in enumerate(specs):
            folder = given.out / spec.name
            search(spec, folder)
            if number == 0:
                table.append(reference_row(workload, spec))
            table += rows(study_report(folder), number == 0)
    print("| workload | who | score | speedup, 95 % interval | against defaults | roofline | launch |")
    print("|---|---|---|---|---|---|---|")
    for cells in table:
        print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
