"""An open-ended agent: it works in a workspace by itself, and its calls of tools are the episode's actions."""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infraray import isolation
from infraray.agents.agent import Agent, Briefing, Turn
from infraray.agents.chat.prices import read_price
from infraray.environment import Environment
from infraray.errors import InfrarayError, InvalidAction
from infraray.isolation.packages import interpreter
from infraray.observation import Observation
from infraray.protocol.keys import key_fault
from infraray.workspaces.door import WORKSPACE, Door
from infraray.workspaces.options import WorkspaceOptions
from infraray.workspaces.package_index import USER_BASE, pip_package
from infraray.workspaces.prompts import PROMPTS
from infraray.workspaces.scaffolds.scaffold import Scaffold
from infraray.workspaces.upstream import Model
from infraray.workspaces.workspace import Workspace

TIMER = "`timer` prints how many seconds are left"


@dataclass(frozen=True)
class _Asked:
    """An action that a tool asks for, and the future of its reply."""

    action: str
    reply: asyncio.Future[str]


class WorkspaceAgent(Agent):
    """Plays by what a scaffold does in a workspace.

    Args:
        scaffold: the program around the model.
        model: the model's name at its server.
        base_url: the server's, with ``/v1``.
        options: those of `WorkspaceOptions`.
        own: those of the scenario's door.
        door: the door's class.
    """

    def __init__(
        self,
        scaffold: Scaffold,
        model: str,
        base_url: str,
        options: WorkspaceOptions,
        own: Mapping[str, str],
        door: type[Door],
    ) -> None:
        self.scaffold = scaffold
        self.model = model
        self.base_url = base_url
        self.options = options
        self.own = own
        self.door_class = door
        self.price = read_price(options.prices, model) if options.prices else None
        self.workspace: Workspace | None = None

    def reset(self, briefing: Briefing) -> None:
        """Begins a new run; the workspace is made with the first observation, when its time begins."""
        self.door = self.door_class(briefing, self.own)
        self.workspace = None
        self._asked: asyncio.Queue[_Asked] = asyncio.Queue()
        self._answering: _Asked | None = None
        self._counted = (0, 0)

    def parts(self, environment: Environment) -> tuple[Any, ...]:
        """The scaffold, the door and the program inside."""
        return type(self.scaffold), self.door_class, "infraray.workspaces.inside.react"

    def problem(self) -> str | None:
        """What is missing: isolation, the scaffold, the server's key."""
        name = self.options.api_key_env
        if (fault := key_fault(os.environ.get(name, ""))) is not None:
            return f"{name} {fault}; export the key alone under this name"
        if "api_key_env" in self.options.model_fields_set and not os.environ.get(name):
            return f"{name} is not set; export the server's key under this name, or leave api_key_env out"
        if self.options.packages and pip_package() is None:
            return f"packages={self.options.packages}: infraray's environment has no pip; python -m ensurepip brings it"
        return isolation.problem() or self.scaffold.problem()

    async def act(self, observation: Observation) -> Turn:
        """Answers the tool whose action this observation follows, and waits for the next."""
        if "text_observation" not in observation:
            raise InfrarayError("an agent in a workspace needs text observations; leave text: false out")
        if self.workspace is None:
            await self._open(observation)
        assert self.workspace is not None
        workspace = self.workspace
        if workspace.ended is not None:
            return Turn(self.door.last_action(), 0, 0, {"events": [], "workspace": workspace.summary()})
        if self._answering is not None:
            answered, self._answering = self._answering, None
            if not answered.reply.done():
                answered.reply.set_result(self.door.reply(observation))
        getting = asyncio.ensure_future(self._asked.get())
        try:
            if await workspace.wait(getting):
                self._answering = getting.result()
                return self._turn(self._answering.action)
        finally:
            getting.cancel()
        await workspace.end()
        return self._turn(self.door.last_action())

    async def release(self) -> None:
        """Ends the agent and removes its folders."""
        if self.workspace is not None:
            await self.workspace.close()

    async def _open(self, observation: Observation) -> None:
        options = self.options
        key = os.environ.get(options.api_key_env, "")
        model = Model(self.model, self.base_url, key, options.request_timeout_s, options.patience_s)
        limits = [limit for limit in (options.time_s, self.door.time_s()) if limit is not None]
        time_s = min(limits, default=self.door.default_time_s)
        self.workspace = Workspace(self.scaffold, model, self.door, options, time_s, self._use)
        await self.workspace.open(self._mission(observation, time_s))

    def _mission(self, observation: Observation, time_s: float) -> str:
        tools = "\n".join(f"- {line}" for line in (*self.door.tools.values(), TIMER))
        budget = f"You have {math.ceil(time_s / 60)} minutes"
        if self.options.tokens is not None:
            budget += f" and {self.options.tokens} tokens, of what you read and write together"
        network = "without internet access"
        if self.options.packages:
            network = (
                "whose only way out is an index of Python packages: `pip install` puts them into "
                f"{WORKSPACE / USER_BASE}, where {interpreter()} finds them"
            )
        return (
            f"{self.door.mission(observation)}\n\n"
            f"You work in the folder {WORKSPACE}, in a sandbox {network}. {budget}. "
            f"These programs are in your PATH:\n\n{tools}\n\n{PROMPTS[self.options.prompt]}\n"
        )

    async def _use(self, name: str, arguments: list[str]) -> tuple[str, int]:
        """A call of a tool from inside."""
        workspace = self.workspace
        assert workspace is not None
        if name == "timer":
            return f"{workspace.left_s:.0f} seconds are left", 0
        if name not in self.door.tools:
            return f"{name}: there is no such tool", 2
        try:
            action = self.door.action(name, arguments)
        except InvalidAction as error:
            return f"{name}: {error}; {self.door.tools[name]}", 2
        workspace.used_a_tool()
        asked = _Asked(action, asyncio.get_running_loop().create_future())
        await self._asked.put(asked)
        return await asked.reply, 0

    def _turn(self, action: str) -> Turn:
        """An action and what happened since the last; tokens likewise."""
        assert self.workspace is not None
        spent = self.workspace.record.spent
        inputs = spent.input_tokens + spent.side_tokens - self._counted[0]
        outputs = spent.output_tokens - self._counted[1]
        self._counted = (spent.input_tokens + spent.side_tokens, spent.output_tokens)
        cost = self.price.of(inputs, outputs) if self.price is not None else None
        extra = {
            "model": self.model,
            "events": self.workspace.record.take(),
            "workspace": self.workspace.summary(),
            "cost": cost,
        }
        if not spent.is_counted:
            return Turn(action, extra=extra)
        return Turn(action, inputs, outputs, extra)
