"""Rollouts without a trainer: a host in this process, and a policy that says what it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from infraray.training.environment_host import Begun, Ended, EnvironmentHost
from infraray.training.played import Ending
from infraray.training.prompt_tokens import PromptTokens
from infraray.training.rollout import Generated, Rolled, Rollout
from infraray.training.sequences import Lengths, Versions
from infraray.training.task import TrainingTask
from tests.training.tiny_policy import tiny_tokenizer

LONG = Lengths(8000, 8000)


class LocalHost:
    """An `EnvironmentHost` without an actor."""

    def __init__(self) -> None:
        self.host = EnvironmentHost()
        self.waited_s = 0.0

    async def begin(self, task: TrainingTask, agent_seed: int) -> Begun:
        return self.host.begin(task, agent_seed)

    async def examples(self, count: int) -> Any:
        return self.host.examples(count)

    async def step(self, answer: str) -> Any:
        return self.host.step(answer)

    async def end(self, ending: Ending | None) -> Ended:
        return self.host.end(ending)


class Saying:
    """A policy that gives answers in turn, the last one for ever, and keeps what it was asked."""

    def __init__(self, answers: Iterable[str], tokenizer: Any, before: Callable[[], Any] | None = None) -> None:
        self.answers = list(answers)
        self.tokenizer = tokenizer
        self.before = before
        self.prompts: list[list[int]] = []
        self.options: list[Mapping[str, Any]] = []

    async def __call__(self, prompt_ids: list[int], options: Mapping[str, Any]) -> Generated:
        if self.before is not None:
            await self.before()
        self.prompts.append(prompt_ids)
        self.options.append(options)
        text = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        ids = [*self.tokenizer.encode(text, add_special_tokens=False), self.tokenizer.eos_token_id]
        ids = ids[: options["max_tokens"]]
        return Generated(ids, [-0.5] * len(ids), Versions(len(self.prompts), len(self.prompts)))

    @property
    def told(self) -> list[str]:
        """What it was asked, as text."""
        return [self.tokenizer.decode(prompt) for prompt in self.prompts]


def roll(
    task: TrainingTask,
    answers: Iterable[str],
    lengths: Lengths = LONG,
    context_tokens: int = 16_000,
    within_s: float = 60.0,
    before: Callable[[], Any] | None = None,
) -> tuple[Rolled, Saying]:
    """Plays a task with a policy that gives these answers."""
    tokenizer = tiny_tokenizer()
    policy = Saying(answers, tokenizer, before)

    async def play() -> Rolled:
        ends_at = asyncio.get_running_loop().time() + within_s
        rollout = Rollout(task, policy, PromptTokens(tokenizer), lengths, context_tokens, ends_at)
        return await rollout.play(LocalHost(), agent_seed=1)

    return asyncio.run(play()), policy
