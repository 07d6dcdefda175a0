"""Sends launch configurations through both gates: `python -m benchmarks.gated_launches STUDY.yaml CONFIGURATION...`.

A configuration is JSON with what differs from the defaults. Each is submitted on the study's first evaluation seed, as
`infraray search` confirms its best. Prints what the gates say and where the time went:

    python -m benchmarks.gated_launches benchmarks/tuning_h200_gated.yaml \
        '{"quantization": "fp8"}' '{"kv_cache_dtype": "fp8"}' '{"num_speculative_tokens": 3}'
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from infraray.scenarios.inference.objective import InferenceObjective
from infraray.scenarios.inference.proposals import complete
from infraray.scenarios.inference.submission import submit
from infraray.tune.study_file import load_study, make_objective


def main() -> None:
    """Submits one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path, help="a study of the scenario inference")
    parser.add_argument("configuration", nargs="+", help="JSON")
    given = parser.parse_args()
    objective = make_objective(load_study(given.study))
    assert isinstance(objective, InferenceObjective)
    seed = objective.evaluation_seeds[0]
    try:
        for text in given.configuration:
            configuration = complete(json.loads(text), objective.space)
            submission = submit(objective.bench, configuration, seed, objective.parameters.judge)
            trial = submission.trial
            print(
                f"{objective.spell(configuration)}: {submission.outcome}, {submission.speedup:.3g} times the reference"
            )
            print(f"  {submission.reason}")
            print(
                f"  launch {trial.start_s:.1f} s, load {trial.measure_s:.1f}, questions {submission.probe_s:.1f}, "
                f"reference's opinion {submission.opinion_s:.1f}",
                flush=True,
            )
    finally:
        objective.close()


if __name__ == "__main__":
    main()
