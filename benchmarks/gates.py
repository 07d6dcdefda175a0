r"""Verdicts of both gates on launches of an engine: `python -m benchmarks.gates STUDY.yaml --launch JSON`, beside it.

Each launch is measured like a submission: a clean start, the workload, the probes, the questions, and the reference's
opinion; `--launch` may be repeated. An honest engine has to pass with any flags, so this shows how often the gates
refuse an honest one. Prints each row as soon as it is measured. With a model that answers
(`python examples/answering_model.py runs/answering`), a launch takes about two minutes on one GPU:

    python -m benchmarks.gates benchmarks/gates_gpu.yaml --launch '{}' --launch '{"quantization": "fp8"}' \
        --launch '{"num_speculative_tokens": 5}' --json runs/gates.jsonl
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from infraray.errors import InfrarayError
from infraray.scenarios.inference.objective import InferenceObjective
from infraray.scenarios.inference.proposals import complete
from infraray.scenarios.inference.submission import submit
from infraray.tune.study_file import StudySpec, make_objective


def main() -> None:
    """Submits every launch and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "study", type=Path, help="a study of the scenario inference; its first evaluation seed is taken"
    )
    parser.add_argument("--launch", action="append", required=True, help="a configuration as JSON; may be given again")
    parser.add_argument("--repeat", type=int, default=1, help="times that each is launched")
    parser.add_argument("--json", type=Path, help="where the whole results are appended, one a line")
    given = parser.parse_args()
    objective = make_objective(StudySpec.load(given.study))
    if not isinstance(objective, InferenceObjective):
        sys.exit(f"{given.study}: names no study of the scenario inference")
    bench, seed = objective.bench, objective.request.evaluation_seeds[0]
    try:
        launches = [complete(json.loads(launch), bench.setting.space) for launch in given.launch]
        for lacking in bench.check_all():
            print(lacking, file=sys.stderr)
        print("| launch | outcome | speedup | seconds | reason |")
        print("|---|---|---|---|---|", flush=True)
        for configuration in launches * given.repeat:
            began = time.monotonic()
            submission = submit(bench, configuration, seed)
            took = time.monotonic() - began
            command = bench.setting.command_line(configuration)
            cells = (f"`{command}`", submission.outcome, f"{submission.speedup:.3g}", f"{took:.0f}", submission.reason)
            print(f"| {' | '.join(map(str, cells))} |", flush=True)
            if given.json is not None:
                with given.json.open("a") as file:
                    file.write(json.dumps({"seconds": took, **submission.to_json()}) + "\n")
    except (InfrarayError, ValueError) as error:
        sys.exit(f"error: {error}")
    finally:
        objective.close()


if __name__ == "__main__":
    main()
