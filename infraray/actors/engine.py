"""The engine actor: owns GPUs or CPU cores, and an engine's server that runs on them.

The server ends with the actor, however the actor ends. A server that dies or hangs is restarted,
at most ``max_restarts`` times.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Literal

import ray

from infraray.actors.imports import NO_IMPORTS, Imports
from infraray.engines.kind import plain_flag
from infraray.engines.process import EngineProcess
from infraray.engines.spec import EngineSpec
from infraray.errors import InfrarayError

WATCH_S = 0.5
"""Seconds between two checks of whether the server is alive."""

HEALTH_S = 10.0
HUNG_AFTER = 6
"""Consecutive failed health checks after which a live server counts as hung: a minute and more."""

State = Literal["starting", "ready", "restarting", "failed", "stopped"]


@dataclass(frozen=True)
class EngineStatus:
    """The status of an engine actor.

    Args:
        state: its state; ``failed`` is final: all restarts are used up.
        url: base URL for OpenAI's clients; empty unless ready.
        restarts: how often the server was restarted.
        reason: why it failed or is being restarted, in one line.
        pid: the root of the server's processes, on the actor's node.
        node: the node's address.
        version: grows with each change.
    """

    state: State = "starting"
    url: str = ""
    restarts: int = 0
    reason: str = ""
    pid: int | None = None
    node: str = ""
    version: int = 0


class Engine:
    """Keeps a server alive. Every method may be called while another one waits.

    Args:
        spec: the engine to serve.
        imports: what the driver has imported.
    """

    def __init__(self, spec: EngineSpec, imports: Imports = NO_IMPORTS) -> None:
        self.spec = spec
        self.imports = imports
        self.node = ray.util.get_node_ip_address()
        one_node = sum(node["Alive"] for node in ray.nodes()) <= 1
        self.host = "127.0.0.1" if one_node else self.node
        self.process: EngineProcess | None = None
        self.now = EngineStatus(node=self.node)
        self.changed = asyncio.Condition()
        self.look = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    async def start(self) -> str:
        """Starts the server unless it has been started; returns the URL once it is ready.

        Raises:
            InfrarayError: it does not start; one line with the engine's own reason.
        """
        if self.task is None:
            self.task = asyncio.create_task(self._keep_alive())
        return await self.url()

    async def url(self) -> str:
        """The base URL; waits for the server to start.

        Raises:
            InfrarayError: it failed or was stopped.
        """
        async with self.changed:
            await self.changed.wait_for(lambda: self.now.state in ("ready", "failed", "stopped"))
        if self.now.state != "ready":
            raise InfrarayError(self.now.reason or f"engine {self.spec.name}: stopped")
        return self.now.url

    async def status(self) -> EngineStatus:
        """The current state."""
        return self.now

    async def next_status(self, seen: int) -> EngineStatus:
        """The state, once its version is greater than ``seen``."""
        async with self.changed:
            await self.changed.wait_for(lambda: self.now.version > seen)
        return self.now

    async def check(self) -> EngineStatus:
        """Checks immediately whether the server answers; gives it up as hung or dead if not."""
        process = self.process
        if self.now.state == "ready" and process is not None and not await asyncio.to_thread(process.healthy):
            if process is self.process and self.now.state == "ready":
                if process.alive() and await asyncio.to_thread(process.healthy):
                    return self.now
                await self._become(state="restarting", url="", reason=f"engine {self.spec.name}: does not answer")
                self.look.set()
        return self.now

    async def log_tail(self, lines: int = 100) -> str:
        """The last lines that the server printed."""
        return "" if self.process is None else await asyncio.to_thread(self.process.log_tail, lines)

    async def stop(self) -> None:
        """Ends the server; returns when none of its processes is left."""
        await self._become(state="stopped", url="", pid=None)
        self.look.set()
        if self.process is not None:
            await asyncio.to_thread(self.process.end)
        if self.task is not None:
            await self.task
        if self.process is not None:
            self.process.remove_log()

    async def _keep_alive(self) -> None:
        """Serves until the engine has failed or is stopped; passes whatever ended it to those who wait."""
        try:
            await self._serve()
        except Exception as error:
            known = isinstance(error, InfrarayError)
            reason = str(error) if known else f"engine {self.spec.name}: {type(error).__name__}: {error}"
            await self._become(state="failed", url="", pid=None, reason=" ".join(reason.split()))
            if self.process is not None:
                # That may be the very thing that failed.
                with suppress(Exception):
                    await asyncio.to_thread(self.process.end)

    async def _serve(self) -> None:
        """Starts the server, and restarts it when it is lost, as often as allowed."""
        self.imports.load()
        while not self._stopped():
            previous, self.process = self.process, EngineProcess(self.spec, self.host)
            if previous is not None:
                previous.remove_log()
            try:
                await asyncio.to_thread(self.process.start)
                await self._become(state="ready", url=self.process.url, pid=self.process.pid)
                reason = await self._watch(self.process)
            except (InfrarayError, OSError) as error:
                reason = str(error)
                if self.now.restarts == 0 and self.now.state == "starting":
                    # A server that does not start the first time will not start the second time.
                    await self._become(state="failed", reason=reason)
                    return
            await asyncio.to_thread(self.process.end)
            if self._stopped():
                return
            if self.now.restarts >= self.spec.max_restarts:
                limit = f"gave up after {self.now.restarts} restarts (max_restarts)"
                await self._become(state="failed", url="", pid=None, reason=f"{reason}; {limit}")
                return
            restarts = self.now.restarts + 1
            await self._become(state="restarting", url="", pid=None, restarts=restarts, reason=reason)

    async def _watch(self, process: EngineProcess) -> str:
        """Returns when the server is lost or must stop; the text says why."""
        who = f"engine {self.spec.name}"
        loop = asyncio.get_running_loop()
        next_check, unanswered = loop.time() + HEALTH_S, 0
        while self.now.state == "ready":
            try:
                await asyncio.wait_for(self.look.wait(), WATCH_S)
                self.look.clear()
            except TimeoutError:
                pass
            if not self.spec.url and not process.alive():
                return f"{who}: died: {await asyncio.to_thread(process.why_it_ended)}"
            if loop.time() >= next_check:
                unanswered = 0 if await asyncio.to_thread(process.healthy) else unanswered + 1
                next_check = loop.time() + HEALTH_S
                if unanswered >= HUNG_AFTER:
                    return f"{who}: answered no health check for {HUNG_AFTER * HEALTH_S:g} s"
        return self.now.reason

    def _stopped(self) -> bool:
        return self.now.state == "stopped"

    async def _become(self, **changes: Any) -> None:
        async with self.changed:
            if self.now.state not in ("stopped", "failed") or changes["state"] == "stopped":
                self.now = replace(self.now, **changes, version=self.now.version + 1)
            self.changed.notify_all()


def start_engine(spec: EngineSpec, imports: Imports = NO_IMPORTS) -> Any:
    """Makes an engine's actor, on any node that has room; returns its handle. Call its ``start`` next.

    Raises:
        InfrarayError: no node of the cluster has what it needs, or its flags do not say what it needs.
    """
    imports.load()
    num_gpus, num_cpus = resources(spec)
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if not any(node.get("GPU", 0) >= num_gpus and node.get("CPU", 0) >= num_cpus for node in nodes):
        raise InfrarayError(
            f"engine {spec.name}: no node of the cluster has {num_gpus:g} GPUs and {num_cpus:g} CPUs; "
            "change num_gpus or num_cpus"
        )
    return ray.remote(
        num_gpus=num_gpus, num_cpus=num_cpus, max_restarts=0, max_concurrency=1000, scheduling_strategy="SPREAD"
    )(Engine).remote(spec, imports)


def resources(spec: EngineSpec) -> tuple[float, float]:
    """(GPUs, CPUs) for one replica: by default as many GPUs as the model is split over.

    None if the cluster has none, or if the kind computes on the CPU.

    Raises:
        InfrarayError: a flag that says how many that is, is not a number.
    """
    if spec.url:
        return 0.0, 0.0
    if spec.num_gpus is not None:
        return spec.num_gpus, spec.num_cpus
    if not spec.kind.uses_gpus:
        return 0.0, spec.num_cpus
    parts = 1
    for names in spec.kind.gpu_flags:
        parts *= _parts(spec, names)
    return (float(parts) if ray.cluster_resources().get("GPU", 0) else 0.0), spec.num_cpus


def _parts(spec: EngineSpec, names: tuple[str, ...]) -> int:
    """The value of the first of these flags; 1 if all are left to the engine."""
    for name in names:
        for flag, value in spec.flags.items():
            if plain_flag(flag) != name or value is None:
                continue
            # As it appears on the command line.
            if not str(value).isdecimal() or int(value) < 1:
                raise InfrarayError(
                    f"engine {spec.name}: {flag}={value!r}: must be a whole number of at least 1; "
                    "give one, or say how many GPUs a replica has with num_gpus"
                )
            return int(value)
    return 1
