"""The cost of a token on the reference server over one connection and over several.

    python -m benchmarks.reference_server --model FOLDER

Launches the server on a model's folder (`--model`, such as that of `python -m benchmarks.model_shape FOLDER --weights`)
and sends it the same requests over one connection and then over eight. It computes one answer at a time, so that the
time per token must be the same; a library that builds something per thread or per length shows up here. Takes a few
seconds after the start. `--json FILE` stores the figures.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from benchmarks.engine_flags import add_flag_option, read_flags
from benchmarks.table import Row, print_table
from infraray.engines import read_engine_spec
from infraray.engines.process import EngineProcess
from infraray.load.measurement import measure
from infraray.load.metrics import Metrics
from infraray.load.requests import make_requests
from infraray.load.tokenizer import ModelTokenizer
from infraray.load.workloads import Traffic, Workload

MOST = 1.1
"""Limit on the ratio of times per token, several connections to one: a quiet machine varies by less."""


def main() -> None:
    """Measures and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="a model's folder, with weights")
    parser.add_argument("--python", default=sys.executable, help="an environment with torch and transformers")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--requests", type=int, default=8)
    parser.add_argument("--input-tokens", type=int, default=1024)
    parser.add_argument("--output-tokens", type=int, default=64)
    parser.add_argument("--json", type=Path, help="where the figures are written")
    add_flag_option(parser)
    given = parser.parse_args()
    model = str(given.model.resolve())
    spec = read_engine_spec(
        {"engine": "transformers", "model": model, "python": given.python, "flags": read_flags(given.flag)}
    )
    workload = Workload(
        input_tokens=given.input_tokens,
        output_tokens=given.output_tokens,
        num_requests=given.requests,
        length_ratio=1.0,
    )
    tokenizer = ModelTokenizer(model)
    requests = make_requests(workload, 1, tokenizer)
    process = EngineProcess(spec)
    found: dict[int, Metrics] = {}
    try:
        process.start()
        for connections in (1, given.connections):
            traffic = (Traffic(concurrency=connections),)
            measured = measure(
                process.url, model, workload.model_copy(update={"traffic": traffic}), requests, tokenizer, 1, clients=1
            )
            found[connections] = measured.traffics[0].metrics
    finally:
        process.end()
        process.remove_log()
    one, several = (found[connections].tpot_s.p50 for connections in (1, given.connections))
    what = f"reference server, median time per token over {given.connections} connections"
    print_table([Row(what, f"{several * 1e3:.2f} ms", "over one", f"{one * 1e3:.2f} ms", several / one, f"<= {MOST}")])
    if given.json is not None:
        figures = {
            str(connections): {
                "completed": metrics.completed,
                "tpot_s": metrics.tpot_s.p50,
                "tpot_p99_s": metrics.tpot_s.p99,
                "ttft_s": metrics.ttft_s.p50,
            }
            for connections, metrics in found.items()
        }
        given.json.write_text(json.dumps({"ratio": several / one, "connections": figures}, indent=2) + "\n")


if __name__ == "__main__":
    main()
