"""The time that a trial waits for its server: `python -m benchmarks.engine_start`, with vLLM installed.

Prints in one run, for vLLM on a small random model: launch to ready, for starts from a process that has
imported the engine against plain starts of the same launch, in turns, both with warm compile caches; and
in a search by `infraray search` on Ray Tune, the time from the end of a trial to the launch of the next
trial's server, when the previous server is gone.

For a model of your own, such as one for a GPU, it times only the starts:
    python -m benchmarks.engine_start --model DIR --starts 1 --flag load_format=dummy
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from benchmarks.engine_flags import add_flag_option, read_flags
from benchmarks.table import Row, print_table
from infraray.engines import EngineSpec
from infraray.engines.preloaded import PreloadedLauncher
from infraray.engines.process import EngineProcess
from infraray.errors import InfrarayError
from infraray.trajectories.journal import read_journal

ENV = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind", "HF_HUB_OFFLINE": "1"}
FLAGS = {"max_model_len": 2048}
WARM_UPS = 2
"""Uncounted starts of each kind: the first fills the compile caches and imports; then a zygote knows what it lacks."""

TRIALS = 8
LIMIT_S = 1200.0


def make_model(folder: Path) -> str:
    """In a process of its own, so that this one, which launches, does not hold PyTorch."""
    subprocess.run([sys.executable, "-m", "tests.engines.tiny_model", str(folder)], check=True)
    return str(folder)


def start_s(spec: EngineSpec, preloaded: PreloadedLauncher | None) -> float:
    """Launch to ready, in s."""
    process = EngineProcess(spec, preloaded=preloaded)
    try:
        began = time.perf_counter()
        process.start()
        taken_s = time.perf_counter() - began
        # A zygote says so if it could not fork.
        for line in process.log_tail(10_000).splitlines():
            if "not forked" in line:
                print(f"  {line}", file=sys.stderr)
        return taken_s
    finally:
        process.end()
        process.remove_log()


def starts(model: str, flags: Mapping[str, Any], count: int) -> Row:
    """Times ``count`` starts of each kind, in turns."""
    spec = EngineSpec(engine="vllm", model=model, flags={**FLAGS, **flags}, env=ENV, ready_timeout_s=300)
    plain, preloaded = [], []
    launcher = PreloadedLauncher()
    try:
        for _ in range(WARM_UPS + count):
            plain.append(start_s(spec, None))
            preloaded.append(start_s(spec, launcher))
            print(f"  plain {plain[-1]:.1f} s, preloaded {preloaded[-1]:.1f} s", file=sys.stderr)
    finally:
        launcher.end()
    ours, theirs = statistics.median(preloaded[WARM_UPS:]), statistics.median(plain[WARM_UPS:])
    what = f"vLLM, launch to ready, median of {count}"
    return Row(what, f"{ours:.1f} s", "plain start", f"{theirs:.1f} s", ours / theirs, "<= 0.7")


def study(model: str, folder: Path) -> dict[str, Any]:
    """The smallest possible load: the time between loads is what is measured."""
    traffic = {"preset": "C-cpu", "num_requests": 4, "input_tokens": 32, "output_tokens": 8, "traffic": [{}]}
    return {
        "name": "starts",
        "scenario": "inference",
        "parameters": {
            "model": model,
            "workload": traffic,
            "engines": ["vllm-cpu"],
            "flags": {"vllm-cpu": FLAGS},
            "env": ENV,
            "folder": str(folder / "figures"),
        },
        "searcher": "random",
        "budget": {"trials": TRIALS},
        "parallel": 1,
        "seeds": [21],
        "evaluation_seeds": [1337],
    }


def finished(journal: Path) -> list[Mapping[str, Any]]:
    """The trials so far; none before there is a journal."""
    with suppress(InfrarayError):
        return [event for event in read_journal(journal) if event["kind"] == "finished"]
    return []


def searched(model: str, folder: Path) -> list[Mapping[str, Any]]:
    """The trials of a search, which is interrupted when it has measured them all and would confirm the best."""
    (folder / "study.yaml").write_text(yaml.safe_dump(study(model, folder)))
    command = [sys.executable, "-m", "infraray", "search", str(folder / "study.yaml"), "--out", str(folder / "run")]
    search = subprocess.Popen(command, stdout=sys.stderr)
    limit = time.monotonic() + LIMIT_S
    try:
        while len(trials := finished(folder / "run" / "trials.jsonl")) < TRIALS:
            if search.poll() is not None or time.monotonic() > limit:
                raise SystemExit(f"the search ended after {len(trials)} of {TRIALS} trials")
            time.sleep(0.5)
    finally:
        # Not by SIGINT, which processes in a shell's background ignore.
        search.terminate()
        search.wait()
    return trials


def launched_s(trial: Mapping[str, Any]) -> float:
    """The time at which a trial launched its server, on the study's clock: its end minus the measured parts."""
    metrics = trial["measurement"]["metrics"]
    return float(trial["ended_s"] - metrics.get("measure_s", 0.0) - metrics["start_s"])


def gaps(model: str, folder: Path) -> Row:
    """Seconds from the end of a trial to the next launch."""
    trials = searched(model, folder)
    between = [launched_s(later) - earlier["ended_s"] for earlier, later in itertools.pairwise(trials)]
    starts = [trial["measurement"]["metrics"]["start_s"] for trial in trials]
    print("  gaps", *(f"{one:.2f}" for one in between), "s; starts", *(f"{one:.1f}" for one in starts), file=sys.stderr)
    ours = statistics.median(between)
    what = f"`infraray search`, end of a trial to the next launch, median of {len(between)}"
    return Row(what, f"{ours:.2f} s (at most {max(between):.2f} s)", "target", "1 s", ours, "<= 1")


def main() -> None:
    """Measures and prints the rows of the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="a local folder in Hugging Face's format; without one a tiny one is made")
    parser.add_argument("--starts", type=int, default=5, help="of each kind (%(default)s)")
    add_flag_option(parser)
    given = parser.parse_args()
    flags = read_flags(given.flag)
    with tempfile.TemporaryDirectory(prefix="infraray-starts-") as name:
        folder = Path(name)
        if given.model is not None:
            print_table([starts(given.model, flags, given.starts)])
        else:
            model = make_model(folder / "model")
            print_table([starts(model, flags, given.starts), gaps(model, folder)])


if __name__ == "__main__":
    main()
