"""Whether one driver keeps thousands of workers busy: `python -m benchmarks.many_workers`.

Measures on Ray what a batch costs the driver, and what waiting for it costs with many others under way. Then the real
scheduler plays a run on 400 and 4,000 simulated workers, in simulated time: its computing takes its real processor
time, a batch costs what was measured, the duration of an episode is drawn, and waits are skipped. Prints the share of
time in which the workers are busy, with batches of 0.3 s and with those of `infraray.actors.batches`.
"""

import heapq
import random
import tempfile
import time
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import ray

from benchmarks.scheduler import run_of
from infraray.actors import batches, scheduler
from infraray.actors.cluster import ray_cluster
from infraray.actors.pulse import wait
from infraray.actors.rollout import BatchReport
from infraray.runs.owed import Owed
from infraray.runs.planning import make_plan
from infraray.runs.run_file import RunSpec
from infraray.trajectories.index import EpisodeIndex

MEASURED_EVENTS = 2000
SECONDS_OF_WORK = 100
"""For each simulated worker."""


class Echo:
    """An actor that answers at once."""

    def play(self, specs: list[Any], attempt: int, last: bool) -> BatchReport:
        """A report like a worker's."""
        report = BatchReport()
        report.finished["trivial", "scripted:random"] += len(specs)
        return report

    def sleep(self, seconds: float) -> None:
        """Keeps what is asked after it waiting."""
        time.sleep(seconds)


def event_cost_s() -> float:
    """Processor time of the driver for a batch of 20 that is sent, awaited and received with 400 under way."""
    specs = list(make_plan(RunSpec.parse(run_of("scripted:random", 20))).episodes())
    actors = [ray.remote(num_cpus=0)(Echo).remote() for _ in range(2)]
    ray.get([actor.play.remote(specs, 1, False) for actor in actors])
    sent = [actors[index % 2].play.remote(specs, 1, False) for index in range(400)]
    received, began = 0, time.process_time()
    while received < MEASURED_EVENTS:
        done, sent = ray.wait(sent, num_returns=1)
        ray.get(done[0])
        sent.append(actors[received % 2].play.remote(specs, 1, False))
        received += 1
    return (time.process_time() - began) / MEASURED_EVENTS


def waiting_cost_s() -> float:
    """Seconds that one wait takes per batch under way."""
    actor = ray.remote(num_cpus=0)(Echo).remote()
    actor.sleep.remote(20)
    sent = [actor.play.remote([], 1, False) for _ in range(8000)]
    began = time.process_time()
    for _ in range(10):
        wait(sent, timeout_s=0)
    cost_s = (time.process_time() - began) / 10 / len(sent)
    ray.kill(actor)
    return cost_s


class Simulation:
    """Replaces Ray, the clock and the waiting in the scheduler's module.

    Args:
        workers: how many processors the cluster has.
        episode_s: mean duration of an episode; each is drawn between half and one and a half of it.
        event_s: what a batch costs the driver.
        waiting_s: what a wait costs the driver for each batch that is under way.
    """

    def __init__(self, workers: int, episode_s: float, event_s: float, waiting_s: float) -> None:
        self.workers, self.episode_s, self.event_s, self.waiting_s = workers, episode_s, event_s, waiting_s
        self.random = random.Random(0)
        self.skipped_s = -time.process_time()
        self.busy_s = 0.0
        self.began_s = 0.0
        self.pending: list[tuple[float, int, Any]] = []
        self.number = count()

    def monotonic(self) -> float:
        """Now, in simulated seconds."""
        return time.process_time() + self.skipped_s

    def answer(self, at_s: float, value: Any) -> Any:
        """A reference whose value is available from a given time on."""
        reference = SimpleReference(value)
        heapq.heappush(self.pending, (at_s, next(self.number), reference))
        return reference

    def wait(self, references: list[Any], timeout_s: float | None = None) -> list[Any]:
        """All that are ready; time passes until one is."""
        self.skipped_s += len(references) * self.waiting_s
        self.skipped_s += max(0.0, self.pending[0][0] - self.monotonic())
        done = []
        while self.pending and self.pending[0][0] <= self.monotonic():
            done.append(heapq.heappop(self.pending)[2])
        return done

    def get(self, reference: Any, timeout_s: float | None = None) -> Any:
        """A value that is there; a batch's costs the driver its time."""
        if isinstance(reference.value, BatchReport):
            self.skipped_s += self.event_s
        else:
            self.began_s = self.began_s or self.monotonic()
        return reference.value

    def remote(self, **options: Any) -> Any:
        """What makes workers of a class."""
        return lambda kind: SimpleNamespace(remote=lambda *arguments: SimulatedWorker(self))

    def cluster_resources(self) -> dict[str, float]:
        """The processors."""
        return {"CPU": self.workers}

    def kill(self, actor: Any) -> None:
        """Ends nothing."""


class SimpleReference(SimpleNamespace):
    """A reference that is equal to itself alone, as Ray's are."""

    __hash__ = object.__hash__
    __eq__ = object.__eq__

    def __init__(self, value: Any) -> None:
        super().__init__(value=value)


class SimulatedWorker:
    """Plays one batch after the other; its methods are called as those of Ray's actors."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation
        self.free_at_s = 0.0
        self.ready = SimpleNamespace(remote=lambda: simulation.answer(simulation.monotonic(), None))
        self.play = SimpleNamespace(remote=self.begin)
        self.__dict__["__ray_call__"] = SimpleNamespace(remote=lambda *arguments: None)

    def begin(self, specs: list[Any], attempt: int, last: bool) -> Any:
        """The report of a batch, at the time when it will have been played."""
        simulation = self.simulation
        seconds = sum(simulation.episode_s * simulation.random.uniform(0.5, 1.5) for _ in specs)
        self.free_at_s = max(self.free_at_s, simulation.monotonic()) + seconds
        simulation.busy_s += seconds
        report = BatchReport()
        who = specs[0].entry.who
        report.finished[who], report.seconds[who] = len(specs), seconds
        return simulation.answer(self.free_at_s, report)


class SimulatedCollector:
    """A collector that holds nothing and accepts everything."""

    def __getattr__(self, method: str) -> Any:
        """A method that answers at once."""

        def answer(*arguments: Any) -> Any:
            return [True] * len(arguments[0]) if method == "missing" else []

        return answer


def busy_share(workers: int, episode_s: float, event_s: float, waiting_s: float) -> float:
    """The share of the time, from the first worker's start to the last one's end, in which workers play."""
    watcher = SimpleNamespace(collected=lambda found: None, played=lambda report: None, notice=print)
    plan = make_plan(
        RunSpec.parse(run_of("scripted:random", round(workers * SECONDS_OF_WORK / episode_s)) | {"workers": workers})
    )
    simulation = Simulation(workers, episode_s, event_s, waiting_s)
    nothing = SimpleNamespace(
        start=lambda names: None, look=lambda: None, stop=lambda: None, reserved_cpus=0.0, served={}
    )
    real = {
        name: getattr(scheduler, name)
        for name in ("ray", "pulse", "time", "start_collector", "stop_collector", "ask", "RunEngines")
    }
    try:
        scheduler.ray = scheduler.pulse = scheduler.time = simulation
        scheduler.start_collector = lambda folder: SimulatedCollector()
        scheduler.stop_collector = lambda collector: None
        scheduler.ask = lambda collector, method, *arguments: getattr(collector, method)(*arguments)
        scheduler.RunEngines = lambda engines, imports, tell: nothing
        with tempfile.TemporaryDirectory() as folder:
            summary = scheduler.Scheduler(Owed(plan, EpisodeIndex()), Path(folder), watcher).run()
    finally:
        for name, value in real.items():
            setattr(scheduler, name, value)
    assert summary.finished == plan.total
    return simulation.busy_s / workers / (simulation.monotonic() - simulation.began_s)


def main() -> None:
    """Measures, simulates and prints."""
    with ray_cluster(2):
        event_s, waiting_s = event_cost_s(), waiting_cost_s()
    print(f"a batch costs the driver {event_s * 1e3:.2f} ms (assumed: {batches.EVENT_S * 1e3:.2f} ms), and each wait")
    print(f"{waiting_s * 1e6:.2f} us for every batch under way")
    print("| workers | episodes of | busy, batches of 0.3 s | batches of | busy |")
    print("|---|---|---|---|---|")
    share = batches.DRIVER_SHARE
    for workers in (400, 4000):
        batches.DRIVER_SHARE = float("inf")
        before = busy_share(workers, 1.0, batches.EVENT_S, waiting_s)
        batches.DRIVER_SHARE = share
        after = busy_share(workers, 1.0, batches.EVENT_S, waiting_s)
        length_s = batches.batch_s(workers)
        print(f"| {workers} | 1 s | {before:.0%} | {length_s:.2g} s | {after:.0%} |", flush=True)


if __name__ == "__main__":
    main()
