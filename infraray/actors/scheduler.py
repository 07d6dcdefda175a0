"""The scheduler: keeps every worker busy with owed episodes until none is owed.

It runs in the driver. Episodes that are planned but not collected are owed; nothing else is
remembered, so the scheduler itself may die at any time. Only a bounded number of episodes is in
flight, and short ones travel in batches.
"""

from __future__ import annotations

import itertools
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import ray
from ray.exceptions import OutOfMemoryError, RayActorError, RayError, RayTaskError

from infraray.actors import pulse
from infraray.actors.batches import QUEUED_BATCHES, Who, batches
from infraray.actors.begun import BegunPlace
from infraray.actors.collector import ask, start_collector, stop_collector
from infraray.actors.conversation import ConversationWorker
from infraray.actors.imports import Imports
from infraray.actors.pulse import ClusterLost
from infraray.actors.rollout import BatchReport, RolloutWorker
from infraray.actors.run_engines import RunEngines
from infraray.agents.chat import Share
from infraray.episodes import EpisodeSpec, LimitReached, Spending, failed_trajectory
from infraray.episodes.spending import COLUMNS
from infraray.errors import InfrarayError
from infraray.runs.owed import Owed
from infraray.summary import Summary, note_start
from infraray.trajectories.encoding import encode, to_batch
from infraray.trajectories.reader import Run
from infraray.trajectories.store import collected

CONVERSATIONS = 256
"""Episodes under way at once in each conversation worker."""

CPUS_PER_CONVERSATION_WORKER = 4
"""CPUs for each worker beyond the second: conversations mostly wait, and two processes keep two cores busy."""

CONVERSATIONS_WORTH_A_WORKER = 8
"""Fewer are not worth the start of another process."""

MAX_STARTS = 4
"""The most starts in a row that fail in one place; a lost node costs each of its workers one."""

PATIENCE = 5
"""Factor by which an episode not known to be to blame survives more deaths of its worker."""

MOST_REASONS = 20
"""The most reasons, why episodes failed or are still owed, that a summary gives."""

NOTICES_S = 5.0
HEARING_S = 5.0
"""Seconds that a busy worker may take to report its notices."""

GRACE_S = 10.0
"""Seconds that an episode may take beyond its time limit before its worker counts as hung."""


class Watcher(Protocol):
    """Follows a run's progress."""

    def collected(self, before: Counter[Who]) -> None:
        """Called with episodes that an earlier run collected."""

    def played(self, report: BatchReport) -> None:
        """Called when a batch was played and collected."""

    def notice(self, text: str) -> None:
        """Called when something happened that a person may want to know."""


@dataclass
class _Tries:
    """The history of an episode that is not collected yet.

    Args:
        begun: the number of times it was begun.
        charged: how many of those times it is to blame.
    """

    begun: int = 0
    charged: int = 0


@dataclass(eq=False)
class _Worker:
    """A worker actor and its batches, in order, each with the time it began."""

    actor: Any
    share: Share
    """Its part of the requests that the run may have in flight."""
    sent: dict[Any, tuple[list[EpisodeSpec], float]] = field(default_factory=dict)
    ready: bool = False
    begun: BegunPlace | None = None
    """Where it writes down which episode it begins; None for a conversational worker, which has all under way."""
    look_at: float = 0.0
    """The next time at which the episode under way could be late, by `time.monotonic`."""
    failed_starts: int = 0
    """The number of its predecessors that died in a row while they started."""
    heard: int = 0
    """The number of its notices passed on so far: an answer that comes too late is asked for again."""


@dataclass(eq=False)
class _Lane:
    """One kind of episode and the workers that play it.

    Agents that answer at once are played by one process per CPU, one batch after the other.
    Conversational agents wait for somebody else's answers: they have few processes, each with many
    episodes under way at once.
    """

    conversational: bool
    batches: Iterator[list[EpisodeSpec]]
    workers: list[_Worker] = field(default_factory=list)
    again: deque[list[EpisodeSpec]] = field(default_factory=deque)
    """Episodes lost with a worker; one that was begun is a batch of its own."""
    exhausted: bool = False

    @property
    def over(self) -> bool:
        """Whether nothing is left to play or to wait for."""
        return self.exhausted and not self.again and not any(worker.sent for worker in self.workers)

    def next_batch(self) -> list[EpisodeSpec] | None:
        """The next batch to play; None if nothing is left now."""
        batch = self.again.popleft() if self.again else next(self.batches, None)
        self.exhausted = self.exhausted or batch is None
        return batch


class Scheduler:
    """Plays owed episodes on a connected Ray cluster.

    Args:
        owed: what to play.
        run_dir: where the collector writes.
        watcher: follows the progress.
        following: called when nothing is owed any more, for episodes that depend on those before; the same workers
            play them. None if there are none.
    """

    def __init__(
        self, owed: Owed, run_dir: Path, watcher: Watcher, following: Callable[[], Owed | None] | None = None
    ) -> None:
        self.owed = owed
        self.plan = plan = owed.plan
        self.limits = plan.spec.limits
        self.run_dir = run_dir
        self.watcher = watcher
        self.following = following
        self.summary = Summary(plan.total)
        self.collector = start_collector(run_dir)
        self.imports = Imports.of_this_process(plan.sources)
        self.engines = RunEngines(plan.engines, self.imports, watcher.notice)
        self.stopped_agents: set[str] = set()
        self.stopped = False
        self.tries: dict[bytes, _Tries] = {}
        self.seconds_per_episode: dict[Who, float] = {}
        self.lanes = [_Lane(False, self._batches()), _Lane(True, self._conversations())]
        self.starting: dict[Any, tuple[_Lane, _Worker]] = {}
        self.asked_for_notices = 0.0

    def run(self) -> Summary:
        """Plays until nothing is owed.

        Raises:
            InfrarayError: the run cannot go on; what is collected is safe.
        """
        began = time.monotonic()
        try:
            # Takes the folder's lock: a run that waits for it changes nothing.
            if self._call_collector("count") != self.owed.num_collected:
                self.owed = Owed(self.plan, collected(self.run_dir))  # another run played meanwhile
            self.summary.found = self.owed.found.total()
            self.watcher.collected(self.owed.found)
            note_start(self.plan, self.run_dir)
            self._play()
            self._call_collector("finish")
        except ClusterLost:
            raise  # and nothing is left to end
        except BaseException:
            with suppress(ClusterLost):
                self._stop()
            raise
        self._stop()
        self.summary.wall_s = time.monotonic() - began
        return self.summary

    def _play(self) -> None:
        self.engines.start(self.owed.engines)
        for lane in self.lanes:
            self._begin(lane)
        while True:
            for lane in self.lanes:
                self._send(lane)
                if lane.over and self.following is None:
                    self._dismiss(lane)
            if all(lane.over for lane in self.lanes):
                if self._go_on():
                    continue
                for lane in self.lanes:
                    self._dismiss(lane)  # so that the collected episodes are finished without the workers' memory
                return
            self._wait()

    def _begin(self, lane: _Lane) -> None:
        """Starts the workers of a lane if there is something to play."""
        first = next(lane.batches, None)
        lane.exhausted = first is None
        if first is None:
            return
        lane.batches = itertools.chain([first], lane.batches)
        workers = self._num_workers(lane)
        for index in range(workers if not lane.workers else 0):
            self._start_worker(lane, Share(index, workers))

    def _go_on(self) -> bool:
        """Takes up the episodes that follow from those played; whether there are any."""
        if self.following is None or self.stopped or self.stopped_agents:
            return False
        owed = self.following()
        if owed is None:
            return False
        self.owed, self.plan = owed, owed.plan
        self.summary.planned = self.plan.total
        note_start(self.plan, self.run_dir)
        self.lanes[0].batches, self.lanes[1].batches = self._batches(), self._conversations()
        for lane in self.lanes:
            self._begin(lane)
        return True

    def _send(self, lane: _Lane) -> None:
        """Gives every worker as many batches as it may hold."""
        for worker in lane.workers:
            while worker.ready and len(worker.sent) < self._capacity(lane, worker):
                batch = lane.next_batch()
                if batch is None:
                    return
                tries = self.tries.get(batch[0].id, _Tries())  # an episode that was begun before is played alone
                last = tries.charged >= self.limits.retries
                playing = worker.actor.play.remote(batch, self._attempt(batch[0]), last)
                worker.sent[playing] = batch, time.monotonic()

    def _wait(self) -> None:
        """Waits for the next events: workers that are ready, batches that are done, a death, a limit."""
        sent = {
            reference: (lane, worker) for lane in self.lanes for worker in lane.workers for reference in worker.sent
        }
        done = pulse.wait([*sent, *self.starting], timeout_s=1.0)
        for reference in done:
            if reference in self.starting:
                self._greet(reference)
            elif reference in sent[reference][1].sent:  # and not of a worker that was buried meanwhile
                self._receive(*sent[reference], reference)
        for lane in self.lanes:
            for worker in list(lane.workers):
                if self._is_late(lane, worker):
                    self._bury(lane, worker, f"TimeLimit: over the limit of {self._limit_s(lane):g} s, did not react")
        self._pass_notices_on()

    def _receive(self, lane: _Lane, worker: _Worker, reference: Any) -> None:
        """Handles a batch's report, or its worker's death."""
        try:
            report = ray.get(reference)
        except RayTaskError as error:
            raise (error.cause if isinstance(error.cause, InfrarayError) else error) from None
        except (RayActorError, OutOfMemoryError) as error:
            self._bury(lane, worker, "out of memory" if isinstance(error, OutOfMemoryError) else "the worker died")
            return
        batch, _ = worker.sent.pop(reference)
        if not lane.conversational and worker.sent:
            following, (waiting, _) = next(iter(worker.sent.items()))
            worker.sent[following] = waiting, time.monotonic()
        for spec in report.again:
            self._charge(spec)
            lane.again.append([spec])
        if len(batch) == 1 and not report.again:
            self.tries.pop(batch[0].id, None)
        for reached in report.stopped:
            self._stop_at(reached)
        self._account(report)

    def _stop_at(self, reached: LimitReached) -> None:
        """Drops the batches of whatever a limit has ended."""
        self.stopped = self.stopped or reached.scope == "run"
        if reached.scope == "agent":
            self.stopped_agents.add(reached.agent)
        if str(reached) not in self.summary.stopped and len(self.summary.stopped) < MOST_REASONS:
            self.summary.stopped.append(str(reached))
            self.watcher.notice(str(reached))

    def _is_stopped(self, spec: EpisodeSpec) -> bool:
        return self.stopped or spec.entry.agent in self.stopped_agents

    def _is_late(self, lane: _Lane, worker: _Worker) -> bool:
        """Whether the episode or batch that a worker plays should have ended by now."""
        now, limit_s = time.monotonic(), self._limit_s(lane)
        if lane.conversational:
            return any(now - since > limit_s + GRACE_S for _, since in worker.sent.values())
        if not worker.sent:
            return False
        batch, since = next(iter(worker.sent.values()))  # the others wait for it
        if now < max(since + limit_s + GRACE_S, worker.look_at):
            return False
        begun = worker.begun.read() if worker.begun is not None else None
        under_way_s = begun.for_s if begun is not None and begun.under_way else 0.0
        worker.look_at = now + limit_s + GRACE_S - under_way_s
        return under_way_s > limit_s + GRACE_S or now - since > len(batch) * limit_s + GRACE_S

    def _pass_notices_on(self) -> None:
        """Collects, every few seconds, the notices of conversational workers, such as an endpoint that is down."""
        if time.monotonic() - self.asked_for_notices < NOTICES_S:
            return
        self.asked_for_notices = time.monotonic()
        self.engines.look()
        for lane in self.lanes:
            self._hear(lane)

    def _hear(self, lane: _Lane) -> None:
        for worker in lane.workers if lane.conversational else ():
            if not worker.ready:
                continue
            try:
                notices = pulse.get(worker.actor.notices.remote(worker.heard), HEARING_S)
            except (RayError, TimeoutError):
                continue  # its death or its block shows in its batches
            worker.heard += len(notices)
            for notice in dict.fromkeys(notices):
                self.watcher.notice(notice)

    def _batches(self) -> Iterator[list[EpisodeSpec]]:
        """Owed episodes of agents that answer at once."""
        # Only after the engines have started, since the room for workers depends on them.
        yield from batches(self._episodes(False), self._num_workers(self.lanes[0]), self.seconds_per_episode)

    def _conversations(self) -> Iterator[list[EpisodeSpec]]:
        """Owed episodes of conversational agents."""
        yield from ([spec] for spec in self._episodes(True) if not self._is_stopped(spec))

    def _episodes(self, conversational: bool) -> Iterator[EpisodeSpec]:
        # Asked for when the first is needed: another run may have played meanwhile.
        yield from self.owed.episodes(conversational)

    def _num_workers(self, lane: _Lane) -> int:
        cpus = self.plan.spec.workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
        if lane.conversational and self.limits.are_on_spending:
            return 1  # which knows what all have spent
        if lane.conversational:
            workers = self.plan.spec.workers or min(cpus, max(2, cpus // CPUS_PER_CONVERSATION_WORKER))
            worth = -(-self.plan.total_conversations // CONVERSATIONS_WORTH_A_WORKER)
            return max(1, min(workers, worth, *self.plan.concurrencies))
        return max(1, int(cpus - self.engines.reserved_cpus))

    def _capacity(self, lane: _Lane, worker: _Worker) -> int:
        """Batches that a worker may hold."""
        if not lane.conversational:
            return QUEUED_BATCHES
        most = self.plan.spec.concurrency
        return CONVERSATIONS if most is None else min(CONVERSATIONS, worker.share.of_all(most))

    def _start_worker(self, lane: _Lane, share: Share, failed_starts: int = 0) -> None:
        if lane.conversational:
            # Beside its conversations it answers `ready` and `notices`.
            actor_class = ray.remote(num_cpus=0, max_concurrency=CONVERSATIONS + 8)(ConversationWorker)
            arguments: tuple[Any, ...] = (self.engines.served, share, self._spent_before())
        else:
            # Even if the engines hold every CPU, one worker plays beside them.
            room = ray.cluster_resources().get("CPU", 1) - self.engines.reserved_cpus >= 1
            actor_class = ray.remote(num_cpus=1 if room else 0)(RolloutWorker)
            arguments = ()
        actor = actor_class.remote(self.plan.spec.name, self.collector, self.limits, self.imports, *arguments)
        worker = _Worker(actor, share, failed_starts=failed_starts)
        lane.workers.append(worker)
        self.starting[actor.ready.remote()] = lane, worker

    def _spent_before(self) -> Spending:
        """The cost of the folder's episodes, if it counts towards a limit."""
        spending = Spending(self.limits)
        if self.limits.are_on_spending:
            for batch in Run(self.run_dir).episode_batches(COLUMNS):
                spending.add_collected(batch.to_pylist())
        return spending

    def _greet(self, reference: Any) -> None:
        lane, worker = self.starting.pop(reference)
        try:
            worker.begun = ray.get(reference)
            worker.ready, worker.failed_starts = True, 0
        except RayTaskError as error:
            raise (error.cause if isinstance(error.cause, InfrarayError) else error) from None
        except RayError as error:
            worker.failed_starts += 1
            if worker.failed_starts == MAX_STARTS:
                reason = str(error).strip().splitlines()[-1].strip()[:300]
                raise InfrarayError(f"a worker died {MAX_STARTS} times in a row while it started: {reason}") from None
            self._bury(lane, worker, "the worker died while it started")

    def _bury(self, lane: _Lane, worker: _Worker, reason: str) -> None:
        """Replaces a worker that is dead or hangs; the episodes that it did not deliver are owed again.

        The episode under way may be to blame and is charged an attempt. Those that ended before it were begun in
        vain; those that had not begun are unchanged.
        """
        ray.kill(worker.actor)
        lane.workers.remove(worker)
        sent = [spec for batch, _ in worker.sent.values() for spec in batch]
        missing = self._call_collector("missing", [spec.id for spec in sent])
        self._account(self._report_of([spec for spec, owed in zip(sent, missing, strict=True) if not owed]))
        num_begun, to_blame = self._begun(worker, sent)
        unbegun = []
        for position, spec in itertools.compress(enumerate(sent), missing):
            if position < num_begun and self._is_given_up(self._charge(spec, spec is to_blame)):
                self._give_up(spec, reason)
            elif spec.id in self.tries:
                lane.again.append([spec])
            else:
                unbegun.append(spec)
        if unbegun:
            lane.again.append(unbegun)
        worker.sent.clear()
        self.watcher.notice(f"{reason}; a new worker takes over")
        self._start_worker(lane, worker.share, worker.failed_starts)

    def _begun(self, worker: _Worker, sent: list[EpisodeSpec]) -> tuple[int, EpisodeSpec | None]:
        """The number of a worker's episodes, in order, that it has begun, and the one that may be to blame.

        With many conversations under way, or with a lost machine, nobody knows which one is to blame.
        """
        if worker.begun is None:
            return len(sent), None
        last = worker.begun.read()
        if last is None:
            return len(next(iter(worker.sent.values()), ([], 0.0))[0]), None
        for position, spec in enumerate(sent):
            if spec.id == last.id and self._attempt(spec) == last.attempt:
                return position + 1, spec if last.under_way else None
        return 0, None

    def _attempt(self, spec: EpisodeSpec) -> int:
        """The number of times an episode has been begun, including the next one."""
        return self.tries.get(spec.id, _Tries()).begun + 1

    def _charge(self, spec: EpisodeSpec, to_blame: bool = True) -> _Tries:
        """Counts a failed attempt."""
        tries = self.tries.setdefault(spec.id, _Tries())
        tries.begun += 1
        tries.charged += to_blame
        return tries

    def _is_given_up(self, tries: _Tries) -> bool:
        """Whether an episode whose worker died has used up its attempts."""
        return tries.charged > self.limits.retries or tries.begun > (self.limits.retries + 1) * PATIENCE

    def _dismiss(self, lane: _Lane) -> None:
        """Ends the workers of a finished lane, which frees their CPUs for an engine's further replicas."""
        self._hear(lane)  # the notices since they were last asked
        for worker in lane.workers:
            ray.kill(worker.actor)
        lane.workers.clear()
        self.starting = {reference: who for reference, who in self.starting.items() if who[0] is not lane}

    def _report_of(self, collected: list[EpisodeSpec]) -> BatchReport:
        """The report of episodes whose worker died between delivering and reporting them."""
        report = BatchReport()
        if not collected:
            return report
        episodes = Run(self.run_dir).episodes(["episode_id", "status", "failure"])
        ids = pa.array([spec.id.hex() for spec in collected])
        rows = {row["episode_id"]: row for row in episodes.filter(pc.is_in(episodes["episode_id"], ids)).to_pylist()}
        for spec in collected:
            row = rows[spec.id.hex()]
            report.count(spec, str(row["failure"]) if row["status"] == "failed" else None)
        return report

    def _give_up(self, spec: EpisodeSpec, reason: str) -> None:
        """Records the failure of an episode that no worker survives."""
        trajectory = failed_trajectory(spec, reason, self.tries.pop(spec.id).begun, datetime.now(UTC), 0.0, [])
        self._call_collector("append", encode(to_batch(self.plan.spec.name, [trajectory]), [spec.id]))
        report = BatchReport()
        report.count(spec, reason)
        self._account(report)

    def _account(self, report: BatchReport) -> None:
        self.summary.finished += report.finished.total()
        self.summary.failed += report.failed.total()
        self.summary.failures += report.failures[: MOST_REASONS - len(self.summary.failures)]
        for who, seconds in report.seconds.items():
            mean_s = seconds / (report.finished[who] + report.failed[who])
            known_s = self.seconds_per_episode.get(who, mean_s)
            self.seconds_per_episode[who] = (known_s + mean_s) / 2
        self.watcher.played(report)

    def _limit_s(self, lane: _Lane) -> float:
        return self.limits.conversation_s if lane.conversational else self.limits.episode_s

    def _call_collector(self, method: str, *arguments: Any) -> Any:
        return ask(self.collector, method, *arguments)

    def _stop(self) -> None:
        """Ends the actors; the collector first releases its folder."""
        for lane in self.lanes:
            for worker in lane.workers:
                ray.kill(worker.actor)
        stop_collector(self.collector)
        self.engines.stop()
