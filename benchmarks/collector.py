"""The cost of the collector: `python -m benchmarks.collector`.

Prints in one run:
- steps per second that the store takes (checksums, sync to disk, identities) against pyarrow
  alone writing the same batches to one stream (target: at least 0.5);
- seconds to recover a torn segment of 1 GB, until the owed episodes are known.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

import infraray
from benchmarks.table import Row, print_table
from infraray.episodes import Entry, EpisodePlayer, EpisodeSpec
from infraray.trajectories.encoding import encode, to_batch
from infraray.trajectories.schema import SEGMENT
from infraray.trajectories.segments import SegmentWriter
from infraray.trajectories.store import RunStore

EPISODES_PER_BATCH = 40
BATCHES = 60
TORN_BYTES = 2**30


def batches(count: int) -> list[tuple[pa.RecordBatch, list[bytes]]]:
    """Batches of real load-balancing episodes with text."""
    environment = infraray.make("load_balance")
    parameters = environment.parameters.model_dump(mode="json")
    entry = Entry("infraray/LoadBalance-v0", parameters, environment.options(), 1, "scripted:random", {}, "benchmark")
    player = EpisodePlayer(60)
    made = []
    for batch in range(count):
        specs = [EpisodeSpec(entry, batch * EPISODES_PER_BATCH + seed, 0) for seed in range(EPISODES_PER_BATCH)]
        made.append((to_batch("benchmark", [player.play(spec) for spec in specs]), [spec.id for spec in specs]))
    return made


def pyarrow_alone(made: list, folder: Path) -> float:
    """Seconds that pyarrow takes to write the batches, with our compression."""
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    began = time.perf_counter()
    with pa.OSFile(str(folder / "alone.arrows"), "wb") as file:
        with pa.ipc.new_stream(file, SEGMENT, options=options) as stream:
            for batch, _ in made:
                stream.write_batch(batch)
    return time.perf_counter() - began


def the_store(made: list, folder: Path) -> float:
    """Seconds that encoding and storing the batches take."""
    store = RunStore(folder / "run")
    began = time.perf_counter()
    for batch, ids in made:
        store.append(encode(batch, ids))
    elapsed = time.perf_counter() - began
    store.close()
    return elapsed


def recovery(made: list, folder: Path) -> float:
    """Seconds from opening a folder with a torn 1 GB segment until the owed episodes are known."""
    (folder / "run" / "segments").mkdir(parents=True)
    writer = SegmentWriter(folder / "run" / "segments" / "seg-torn.arrows")
    messages = [encode(batch, ids) for batch, ids in made]
    position = 0
    while writer.size_bytes < TORN_BYTES:
        writer.append(messages[position % len(messages)])
        position += 1
    writer.close()
    os.truncate(writer.path, writer.size_bytes - 1000)
    # In a separate process, which ends at once: in a real run, compaction goes on in the background.
    script = f"""
import os, time
from pathlib import Path
from infraray.trajectories.store import RunStore
began = time.perf_counter()
RunStore(Path({str(folder / "run")!r})).missing([bytes(16)])
print(time.perf_counter() - began, flush=True)
os._exit(0)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return float(done.stdout)


def main() -> list[Row]:
    """Measures and returns the rows of the table."""
    made = batches(BATCHES)
    steps = sum(len(batch.column("steps_taken").flatten()) for batch, _ in made)
    alone, ours = [], []
    for _ in range(5):
        with tempfile.TemporaryDirectory() as folder:
            alone.append(pyarrow_alone(made, Path(folder)))
            ours.append(the_store(made, Path(folder)))
    alone_s, ours_s = float(np.median(alone)), float(np.median(ours))
    with tempfile.TemporaryDirectory() as folder:
        recovery_s = recovery(made, Path(folder))
    stored, written = f"{steps / ours_s / 1e6:.2f} M/s", f"{steps / alone_s / 1e6:.2f} M/s"
    return [
        Row("steps stored, checked and synced", stored, "pyarrow alone", written, alone_s / ours_s, ">= 0.5"),
        Row("torn 1 GB segment recovered", f"{recovery_s:.1f} s", "target", "10 s", recovery_s / 10, "<= 1"),
    ]


if __name__ == "__main__":
    print_table(main())
