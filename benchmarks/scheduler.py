"""The cost of Ray and the collector: `python -m benchmarks.scheduler`.

Prints in one run:
- episodes of 10 ms on two workers, collected, against two plain processes that play the same
  episodes and keep nothing (target: at least 0.85);
- episodes of one trivial step per second, end to end including collection (target: 2000);
- peak memory of the driver for ten thousand and for a million planned episodes (target: flat).
"""

import multiprocessing
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import infraray
from benchmarks.table import Row, print_table
from infraray.actors.cluster import ray_cluster
from infraray.episodes import EpisodePlayer
from infraray.runs.owed import Owed
from infraray.runs.planning import make_plan
from infraray.runs.run_file import RunSpec
from infraray.trajectories.index import EpisodeIndex

TASKS = str(Path(__file__).with_name("trivial_scenario.py"))
BUSY_EPISODES = 3000
TRIVIAL_EPISODES = 40_000


def run_of(agent: str, seeds: int) -> dict:
    """A run of the trivial scenario."""
    return {
        "name": "benchmark",
        "imports": [TASKS],
        "scenarios": [{"scenario": "trivial", "text": False}],
        "agents": [agent],
        "seeds": seeds,
        "workers": 2,
    }


def play_plainly(part: int, gate: object) -> None:
    """Plays every second episode in this process."""
    player = EpisodePlayer(60)
    specs = list(make_plan(RunSpec.parse(run_of("scripted:busy", BUSY_EPISODES))).episodes())
    gate.wait()
    for spec in specs[part::2]:
        player.play(spec)
    gate.wait()


def two_plain_processes() -> float:
    """Episodes a second of two processes without Ray."""
    context = multiprocessing.get_context("spawn")
    gate = context.Barrier(3)
    processes = [context.Process(target=play_plainly, args=(part, gate)) for part in range(2)]
    for process in processes:
        process.start()
    gate.wait()
    began = time.perf_counter()
    gate.wait()
    elapsed = time.perf_counter() - began
    for process in processes:
        process.join()
    return BUSY_EPISODES / elapsed


def on_ray(agent: str, episodes: int) -> float:
    """Episodes a second of a run on a running cluster, from the first to the last byte on disk."""
    with tempfile.TemporaryDirectory() as folder:
        summary = infraray.run(run_of(agent, episodes), folder, quiet=True)
    assert summary.finished == episodes
    return episodes / summary.wall_s


def driver_memory(seeds: int) -> float:
    """Peak memory in MiB of a driver that plans this many episodes and stops after ten thousand."""
    script = f"from benchmarks.scheduler import stop_early; stop_early({seeds})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def stop_early(seeds: int) -> None:
    """Plays the first ten thousand episodes of a plan, then prints the driver's peak memory."""
    from infraray.actors.batches import Who
    from infraray.actors.rollout import BatchReport
    from infraray.actors.scheduler import Scheduler

    class Stop(Exception):
        pass

    class TenThousand:
        played_so_far = 0

        def collected(self, before: Counter[Who]) -> None:
            pass

        def notice(self, text: str) -> None:
            pass

        def played(self, report: BatchReport) -> None:
            self.played_so_far += report.finished.total()
            if self.played_so_far >= 9000:
                raise Stop

    with tempfile.TemporaryDirectory() as folder, ray_cluster(2):
        plan = make_plan(RunSpec.parse(run_of("scripted:random", seeds)))
        try:
            Scheduler(Owed(plan, EpisodeIndex()), Path(folder), TenThousand()).run()
        except Stop:
            pass
    # Not ru_maxrss, which still counts the memory of the process that started this one.
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    print(int(status["VmHWM"].split()[0]) / 1024)


def main() -> list[Row]:
    """Measures and returns the rows of the table."""
    plain = two_plain_processes()
    with ray_cluster(2):
        on_ray("scripted:random", 2000)  # warms the processes up
        busy = on_ray("scripted:busy", BUSY_EPISODES)
        trivial = on_ray("scripted:random", TRIVIAL_EPISODES)
    few, many = driver_memory(10_000), driver_memory(1_000_000)
    rates = f"{busy:.0f}/s", f"{plain:.0f}/s"
    memory = f"{many:.0f} MiB", f"{few:.0f} MiB"
    return [
        Row("10 ms episodes on 2 cores, collected", rates[0], "two plain processes", rates[1], busy / plain, ">= 0.85"),
        Row("trivial episodes, end to end", f"{trivial:.0f}/s", "target", "2000/s", trivial / 2000, ">= 1"),
        Row("driver memory, 1,000,000 planned", memory[0], "10,000 planned", memory[1], many / few, "about 1"),
    ]


if __name__ == "__main__":
    print_table(main())
