"""Memory of a run's report: `python -m benchmarks.report`.

Prints the peak memory of a process that writes the report of fifty thousand and of a million stored episodes
(target: less than 200 MiB more). The episodes are copies of one that was really played, stored by the product's own
writer under a million identities, each with its own scores, times and metrics. `python -m benchmarks.report FOLDER
EPISODES` only makes such a folder.
"""

import json
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa

from benchmarks.table import Row, print_table
from infraray.episodes import EpisodePlayer, EpisodeSpec
from infraray.runs.plan import Plan
from infraray.runs.planning import make_plan
from infraray.runs.run_file import RunSpec
from infraray.trajectories.encoding import encode, to_batch
from infraray.trajectories.store import RunStore, write_manifest

AGENTS = ["random", "round_robin", "power_of_two", "join_shortest_queue", "least_work_left"]
FEW, MANY = 50_000, 1_000_000
EPISODES_PER_MESSAGE = 2000


def plan_of(episodes: int) -> Plan:
    """A run of this many short episodes."""
    scenario = {"scenario": "load_balance", "text": False, "parameters": {"warmup_steps": 1, "scored_steps": 1}}
    agents = [f"scripted:{name}" for name in AGENTS]
    asked = {"name": "many", "scenarios": [scenario], "agents": agents, "seeds": episodes // len(agents)}
    return make_plan(RunSpec.parse(asked))


def store(folder: Path, episodes: int) -> None:
    """Makes a run's folder with this many episodes."""
    plan = plan_of(episodes)
    specs = plan.episodes()
    random = np.random.default_rng(0)
    played = to_batch("many", [EpisodePlayer(60).play(next(plan.episodes()))])
    with closing(RunStore(folder)) as runs:
        about = {"infraray_version": "benchmark", "created_at": "2026-01-01T00:00:00+00:00"}
        write_manifest(folder, plan.manifest().model_copy(update=about))
        while some := list(islice(specs, EPISODES_PER_MESSAGE)):
            runs.append(encode(copies(played, some, random), [spec.id for spec in some]))
        runs.finish()


def copies(played: pa.RecordBatch, specs: list[EpisodeSpec], random: np.random.Generator) -> pa.RecordBatch:
    """The played episode under other identities, with figures of their own."""
    figures = random.lognormal(size=(3, len(specs)))
    metrics = json.loads(played["metrics"][0].as_py())
    changed = {
        "episode_id": [spec.id.hex() for spec in specs],
        "seed": [spec.seed for spec in specs],
        "agent": [spec.entry.agent for spec in specs],
        "score": figures[0],
        "floor": 10 + figures[1],
        "bound": figures[1] / 10,
        "wall_s": figures[2],
        "metrics": [json.dumps({name: one * figure for name, one in metrics.items()}) for figure in figures[2]],
    }
    batch = played.take(pa.array(np.zeros(len(specs), np.int64)))
    for name, values in changed.items():
        field = batch.schema.field(name)
        batch = batch.set_column(batch.schema.get_field_index(name), field, pa.array(values, field.type))
    return batch


def report_memory(folder: Path) -> tuple[float, float]:
    """Peak memory in MiB of a process that writes a folder's report, and the seconds that it takes."""
    script = (
        "import sys; from pathlib import Path; from infraray.reports import write_report; write_report(sys.argv[1]);"
        "print(Path('/proc/self/status').read_text())"
    )
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", script, folder], capture_output=True, text=True, check=True)
    # Not ru_maxrss, which still counts the memory of the process that started this one.
    status = dict(line.split(":", 1) for line in done.stdout.splitlines() if ":" in line)
    return int(status["VmHWM"].split()[0]) / 1024, time.perf_counter() - began


def main() -> list[Row]:
    """Measures and returns the row of the table."""
    found = []
    for episodes in (FEW, MANY):
        with tempfile.TemporaryDirectory() as folder:
            store(Path(folder) / "run", episodes)
            found.append(report_memory(Path(folder) / "run"))
            print(f"{episodes:,} episodes: {found[-1][0]:.0f} MiB, {found[-1][1]:.1f} s", file=sys.stderr)
    (few, _), (many, _) = found
    what, theirs = f"memory of a report, {MANY:,} episodes", f"{FEW:,} episodes"
    return [Row(what, f"{many:.0f} MiB", theirs, f"{few:.0f} MiB", many / few, "< 200 MiB more")]


if __name__ == "__main__":
    if len(sys.argv) == 3:
        store(Path(sys.argv[1]), int(sys.argv[2]))
    else:
        print_table(main())
