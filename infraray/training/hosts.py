"""Environment hosts as Ray actors, lent to one episode at a time."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import ray
from ray.exceptions import RayActorError, RayTaskError

from infraray.actors.imports import NO_IMPORTS, Imports
from infraray.agents.chat.messages import Message
from infraray.errors import InfrarayError
from infraray.observation import Observation
from infraray.training.environment_host import Begun, Ended, EnvironmentHost
from infraray.training.played import Ending
from infraray.training.task import TrainingTask
from infraray.user_code import describe_failure

log = logging.getLogger(__name__)


class EnvironmentLost(Exception):
    """An environment died, hung or failed: one line with what happened. That is not the policy's failure.

    Args:
        how: one word: ``died``, ``hung`` or ``failed``.
        reason: the line.
    """

    def __init__(self, how: str, reason: str) -> None:
        super().__init__(f"{how}: {reason}")
        self.how = how


class RemoteHost:
    """An `EnvironmentHost` in an actor, whose answers are waited for without blocking the event loop.

    Args:
        actor: its handle.
        answer_s: seconds after which an environment that does not answer counts as hung.
    """

    def __init__(self, actor: Any, answer_s: float) -> None:
        self.actor = actor
        self.answer_s = answer_s
        self.waited_s = 0.0
        """Seconds spent waiting for the environment in the current episode."""

    async def process(self) -> int:
        """The id of its process, on its node."""
        process: int = await self._call("process")
        return process

    async def begin(self, task: TrainingTask, agent_seed: int) -> Begun:
        """See `EnvironmentHost.begin`.

        Raises:
            EnvironmentLost: it died, hung or failed.
            InfrarayError: the task is not one that can be played.
        """
        self.waited_s = 0.0
        begun: Begun = await self._call("begin", task, agent_seed)
        return begun

    async def examples(self, count: int) -> list[Message]:
        """See `EnvironmentHost.examples`; raises `EnvironmentLost`."""
        shown: list[Message] = await self._call("examples", count)
        return shown

    async def step(self, answer: str) -> Observation | None:
        """See `EnvironmentHost.step`; raises `EnvironmentLost`."""
        observation: Observation | None = await self._call("step", answer)
        return observation

    async def end(self, ending: Ending | None) -> Ended:
        """See `EnvironmentHost.end`; raises `EnvironmentLost`."""
        ended: Ended = await self._call("end", ending)
        return ended

    async def _call(self, method: str, *arguments: Any) -> Any:
        clock = asyncio.get_running_loop().time
        asked = clock()
        try:
            async with asyncio.timeout(self.answer_s) as timeout:
                return await getattr(self.actor, method).remote(*arguments)
        except TimeoutError:
            if not timeout.expired():
                raise
            where = ", or no node takes it" if method == "begin" else ""
            raise EnvironmentLost("hung", f"no answer to {method} in {self.answer_s:g} s{where}") from None
        except RayActorError as error:
            raise EnvironmentLost("died", describe_failure(error, named=False)) from None
        except RayTaskError as error:
            cause = getattr(error, "cause", None) or error
            if method == "begin" and isinstance(cause, InfrarayError):
                raise InfrarayError(str(cause)) from None
            raise EnvironmentLost("failed", describe_failure(cause)) from None
        finally:
            self.waited_s += clock() - asked


class Hosts:
    """Makes hosts as they are needed and keeps the healthy ones for the next episode.

    Args:
        answer_s: see `RemoteHost`.
        actor_options: Ray's, such as ``num_cpus`` and ``resources``, which say on which nodes environments run. By
            default a host asks for no CPU: it waits for the policy most of the time, and hundreds stand side by side.
        imports: the user's files that register scenarios.
    """

    def __init__(
        self, answer_s: float, actor_options: Mapping[str, Any] | None = None, imports: Imports = NO_IMPORTS
    ) -> None:
        self.answer_s = answer_s
        self.actor_options = {"num_cpus": 0, **(actor_options or {})}
        self.imports = imports
        self.lost: Counter[str] = Counter()
        """Environments lost so far, by how."""
        self._idle: list[Any] = []

    @asynccontextmanager
    async def one(self) -> AsyncIterator[RemoteHost]:
        """Lends a host. One that was left by an exception may be in any state, and is not used again."""
        actor = self._idle.pop() if self._idle else self._made()
        try:
            yield RemoteHost(actor, self.answer_s)
        except BaseException as error:
            if isinstance(error, EnvironmentLost):
                self.lost[error.how] += 1
            with suppress(Exception):
                ray.kill(actor)
            raise
        self._idle.append(actor)

    def _made(self) -> Any:
        return ray.remote(EnvironmentHost).options(**self.actor_options).remote(self.imports)
