"""The conversation worker: an actor in which many episodes of conversational agents wait concurrently."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

from infraray.actors.imports import Imports
from infraray.actors.rollout import BatchReport, pack
from infraray.agents.chat import ServedModel, Share, listeners, take_share
from infraray.episodes import EpisodePlayer, EpisodeSpec, LimitReached, RunLimits, Spending
from infraray.user_code import contained_task


class ConversationWorker:
    """Plays episodes whose agents wait for answers; each is collected as soon as it ends.

    Takes the same arguments as `RolloutWorker`, and these:

    Args:
        engines: what the run's engines serve, by name.
        share: this worker's part of the requests that the run may have in flight.
        spending: what was spent before.
    """

    def __init__(
        self,
        run: str,
        collector: Any,
        limits: RunLimits,
        imports: Imports,
        engines: Mapping[str, ServedModel],
        share: Share,
        spending: Spending,
    ) -> None:
        self.imports = imports
        self.run = run
        self.collector = collector
        self.player = EpisodePlayer(limits.conversation_s, engines, spending=spending)
        take_share(share)
        self.told: list[str] = []
        listeners.append(self.told.append)

    async def ready(self) -> None:
        """Answers once the worker can play.

        Raises:
            InfrarayError: one of the user's files does not import here.
        """
        self.imports.load()
        asyncio.get_running_loop().set_task_factory(contained_task)

    async def notices(self, heard: int) -> list[str]:
        """Notices for a person, without the first ``heard`` ones."""
        return self.told[heard:]

    async def play(self, specs: Sequence[EpisodeSpec], attempt: int, last: bool) -> BatchReport:
        """Plays episodes concurrently; when it returns, all are collected except those to be played again.

        Args:
            specs: the episodes.
            attempt: the number of times they have been begun, including this one.
            last: whether to give up one that fails.
        """
        report = BatchReport()
        await asyncio.gather(*(self._play(spec, attempt, last, report) for spec in specs))
        return report

    async def _play(self, spec: EpisodeSpec, attempt: int, last: bool, report: BatchReport) -> None:
        before = time.perf_counter()
        try:
            trajectory = await self.player.converse(spec, attempt)
        except LimitReached as reached:
            report.stopped.append(reached)
            return
        if trajectory.measures is None and not last:
            report.again.append(spec)
            return
        packed, message = await asyncio.to_thread(pack, self.run, [trajectory])
        await self.collector.append.remote(message)
        report.add(packed[0], time.perf_counter() - before)
