"""The engine pool: replicas of one engine over the nodes, and the conversations that each serves.

A conversation goes to the replica with the fewest and stays there, so that the engine's prefix
cache holds what was said before. If its replica is lost, it moves to another one, or waits until one
is ready again. Agents on several scenarios of a run share a pool.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import time
from dataclasses import dataclass, field
from typing import Any

import ray
from ray.exceptions import RayActorError, RayError, RayTaskError

from infraray.actors.engine import EngineStatus, start_engine
from infraray.actors.imports import NO_IMPORTS, Imports
from infraray.engines.spec import EngineSpec
from infraray.errors import InfrarayError, Unavailable

IDLE_S = 60.0
"""Seconds that a surplus replica stays, so that a short lull does not cost another start."""

FORGOTTEN_S = 3600.0
"""Seconds of silence after which an unreleased conversation no longer counts."""

STOP_S = 60.0


@dataclass(eq=False)
class _Replica:
    """One engine actor and the conversations that it holds."""

    actor: Any
    status: EngineStatus = field(default_factory=EngineStatus)
    conversations: set[str] = field(default_factory=set)
    deaths: int = 0
    """The number of actors that died in this place."""
    watch: asyncio.Task[None] | None = None

    @property
    def ready(self) -> bool:
        return self.status.state == "ready"

    @property
    def failed(self) -> bool:
        return self.status.state == "failed"


@dataclass(frozen=True)
class PoolStatus:
    """The status of a pool.

    Args:
        replicas: the state of each.
        conversations: the number that each holds.
        waiting: the number of conversations that wait for a replica.
    """

    replicas: tuple[EngineStatus, ...]
    conversations: tuple[int, ...]
    waiting: int


class EnginePool:
    """Replicas of an engine. The first call starts them.

    Args:
        spec: what each replica serves, and how many there are.
        imports: what the driver has imported.
    """

    def __init__(self, spec: EngineSpec, imports: Imports = NO_IMPORTS) -> None:
        self.spec = spec
        self.imports = imports
        self.replicas: list[_Replica] = []
        self.waiting: set[str] = set()
        self.heard: dict[str, float] = {}
        """When each conversation last asked."""
        self.held: dict[str, _Replica] = {}
        self.changed = asyncio.Condition()
        self.stopped = False
        self.idle_since: float | None = None
        self.upkeep: asyncio.Task[None] | None = None

    async def start(self) -> list[str]:
        """Starts the minimum number of replicas; returns their URLs once all of them are ready.

        Raises:
            InfrarayError: one does not start; the text is the engine's own reason.
        """
        self._open()

        def settled() -> bool:
            return self.stopped or any(one.failed for one in self.replicas) or all(one.ready for one in self.replicas)

        async with self.changed:
            await self.changed.wait_for(settled)
        self._raise_if(any(replica.failed for replica in self.replicas))
        return [replica.status.url for replica in self.replicas]

    async def assign(self, conversation: str) -> str:
        """The base URL for a conversation: the one it has, or the least loaded; waits until one is ready.

        Raises:
            InfrarayError: every replica has failed, or the pool is stopped.
        """
        self._open()
        self.heard[conversation] = time.monotonic()
        held = self.held.get(conversation)
        if held is not None and held.ready:
            return held.status.url
        self._let_go(conversation)
        self.waiting.add(conversation)
        try:
            await self._scale()
            async with self.changed:
                await self.changed.wait_for(
                    lambda: self.stopped or self._ready() or all(replica.failed for replica in self.replicas)
                )
            self._raise_if(not self._ready())
            # Even if asked for twice at once, a conversation has one replica.
            replica = self.held.get(conversation)
            if replica is None or not replica.ready:
                replica = min(self._ready(), key=lambda one: len(one.conversations))
                self.held[conversation] = replica
                replica.conversations.add(conversation)
            return replica.status.url
        finally:
            self.waiting.discard(conversation)

    async def release(self, conversation: str) -> None:
        """A conversation is over."""
        self.heard.pop(conversation, None)
        self._let_go(conversation)

    async def failed(self, conversation: str, base_url: str) -> None:
        """A conversation got no answer from ``base_url``; if its replica is lost, the next `assign` finds another."""
        replica = next((one for one in self.replicas if one.ready and one.status.url == base_url), None)
        if replica is not None:
            try:
                status = await replica.actor.check.remote()
                if status.version > replica.status.version:
                    await self._take_over(replica, status)
            except RayError:
                await self._take_over(replica, EngineStatus("restarting", version=replica.status.version))
        held = self.held.get(conversation)
        if held is not None and not held.ready:
            self._let_go(conversation)

    async def status(self) -> PoolStatus:
        """The replicas and their load."""
        return PoolStatus(
            tuple(replica.status for replica in self.replicas),
            tuple(len(replica.conversations) for replica in self.replicas),
            len(self.waiting),
        )

    async def pid(self) -> int:
        """The pool's process, on its node."""
        return os.getpid()

    async def log_tails(self, lines: int = 100) -> list[str]:
        """The last lines of each replica's log."""
        tails = [replica.actor.log_tail.remote(lines) for replica in self.replicas]
        return [str(tail) for tail in await asyncio.gather(*tails, return_exceptions=True)]

    async def stop(self) -> None:
        """Ends every replica; returns when none is left."""
        self.stopped = True
        if self.upkeep is not None:
            self.upkeep.cancel()
        await asyncio.gather(*(self._end(replica) for replica in self.replicas))
        async with self.changed:
            self.changed.notify_all()

    def _open(self) -> None:
        if self.stopped:
            raise InfrarayError(f"engine {self.spec.name}: the pool is stopped")
        while len(self.replicas) < self.spec.replicas.min:
            self._add()
        if self.upkeep is None:
            self.upkeep = asyncio.create_task(self._keep_up())

    def _ready(self) -> list[_Replica]:
        return [replica for replica in self.replicas if replica.ready]

    def _raise_if(self, failed: bool) -> None:
        if self.stopped:
            raise InfrarayError(f"engine {self.spec.name}: the pool is stopped")
        if failed:
            raise InfrarayError(next(replica.status.reason for replica in self.replicas if replica.failed))

    def _let_go(self, conversation: str) -> None:
        replica = self.held.pop(conversation, None)
        if replica is not None:
            replica.conversations.discard(conversation)

    def _add(self) -> None:
        replica = _Replica(start_engine(self.spec, self.imports))
        self.replicas.append(replica)
        replica.watch = asyncio.create_task(self._follow(replica))

    async def _follow(self, replica: _Replica) -> None:
        """Starts a replica and follows its states; replaces an actor that dies."""
        while not self.stopped:
            replica.actor.start.remote()
            try:
                while True:
                    await self._take_over(replica, await replica.actor.next_status.remote(replica.status.version))
                    if replica.status.state in ("failed", "stopped"):
                        return
            except RayTaskError as error:
                await self._take_over(replica, EngineStatus("failed", reason=str(error.cause)))
                return
            except RayActorError:
                if self.stopped or replica not in self.replicas:
                    return
                replica.deaths += 1
                if replica.deaths > self.spec.max_restarts:
                    reason = f"engine {self.spec.name}: its actor died {replica.deaths} times (max_restarts)"
                    await self._take_over(replica, EngineStatus("failed", reason=reason))
                    return
                await self._take_over(replica, EngineStatus("restarting", reason="the engine's actor died"))
                try:
                    replica.actor = start_engine(self.spec, self.imports)
                except InfrarayError as error:
                    await self._take_over(replica, EngineStatus("failed", reason=str(error)))
                    return

    async def _take_over(self, replica: _Replica, status: EngineStatus) -> None:
        async with self.changed:
            replica.status = status
            self.changed.notify_all()

    async def _keep_up(self) -> None:
        """Forgets conversations that were never released, and ends replicas that have not been needed for a while."""
        while True:
            await asyncio.sleep(min(1.0, IDLE_S / 4))
            now = time.monotonic()
            for conversation in [name for name, at in self.heard.items() if now - at > FORGOTTEN_S]:
                await self.release(conversation)
            await self._scale()

    def _needed(self) -> int:
        limits = self.spec.replicas
        active = len(self.held.keys() | self.waiting)
        return min(limits.max, max(limits.min, math.ceil(active / limits.conversations)))

    async def _scale(self) -> None:
        """Starts needed replicas at once, and ends surplus ones after a while."""
        needed = self._needed()
        failed = sum(replica.failed for replica in self.replicas)
        while not self.stopped and len(self.replicas) - failed < needed and len(self.replicas) < self.spec.replicas.max:
            self._add()
        spare = [replica for replica in self.replicas if not replica.conversations and not replica.failed]
        if len(self.replicas) - failed <= needed or not spare:
            self.idle_since = None
        elif self.idle_since is None:
            self.idle_since = time.monotonic()
        elif time.monotonic() - self.idle_since > IDLE_S:
            # Replicas that are not ready yet go first.
            replica = min(spare, key=lambda one: one.ready)
            self.replicas.remove(replica)
            await self._end(replica)

    async def _end(self, replica: _Replica) -> None:
        if replica.watch is not None:
            replica.watch.cancel()
        stopping = asyncio.ensure_future(replica.actor.stop.remote())
        try:
            # A replica that waits for room in the cluster has nothing to stop.
            await asyncio.wait_for(stopping, STOP_S if replica.status.version else 1.0)
        except (RayError, TimeoutError):
            pass
        ray.kill(replica.actor)


class PoolEndpoints:
    """A pool as agents in other processes see it.

    Args:
        pool: the handle of an `EnginePool`.
        spec: what each replica serves.
    """

    def __init__(self, pool: Any, spec: EngineSpec) -> None:
        self.pool = pool
        self.started_here = not spec.url
        self.name = json.dumps(spec.identity, sort_keys=True)

    async def assign(self, conversation: str) -> str:
        """The base URL for a conversation; waits until a replica is ready.

        Raises:
            Unavailable: no replica can be started.
        """
        return str(await self._call("assign", conversation))

    async def release(self, conversation: str) -> None:
        """A conversation is over."""
        await self._call("release", conversation)

    async def failed(self, conversation: str, base_url: str) -> None:
        """A conversation got no answer from ``base_url``; the next `assign` finds another if that one is lost."""
        await self._call("failed", conversation, base_url)

    async def _call(self, method: str, *arguments: Any) -> Any:
        try:
            return await getattr(self.pool, method).remote(*arguments)
        except RayTaskError as error:
            if isinstance(error.cause, InfrarayError):
                raise Unavailable(str(error.cause)) from None
            raise error from None
        except RayActorError:
            raise Unavailable("the engine pool's actor is gone") from None


def start_engine_pool(spec: EngineSpec, imports: Imports = NO_IMPORTS) -> Any:
    """Makes a pool's actor; returns its handle. Call its ``start`` next, and ``stop`` in the end.

    Ray recreates a pool that is killed; its engines end with it and start again.
    """
    return ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1, max_concurrency=100_000)(EnginePool).remote(
        spec, imports
    )
