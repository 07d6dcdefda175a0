"""A rollout: one episode of a policy under training, token by token.

What the policy is shown comes from the same `Conversation` as a chat agent's prompts. This part knows neither the
trainer nor Ray: it takes any way to generate, and any host.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from infraray.agents.chat.completion import Completion, spoken_and_thought
from infraray.agents.chat.conversation import Conversation
from infraray.agents.chat.failures import ContextOverflow, Unsupported
from infraray.agents.chat.messages import Message
from infraray.episodes import Step
from infraray.observation import Observation
from infraray.training.environment_host import Begun, Ended
from infraray.training.played import Ending, Played
from infraray.training.prompt_tokens import PromptTokens
from infraray.training.sequences import Lengths, Sequences, TokenSequence, TokenTurn, Versions
from infraray.training.task import TrainingTask


class Generated(NamedTuple):
    """What a policy generated.

    Args:
        ids: the tokens, the one that ended the answer included.
        logprobs: their log-probabilities; None if the server gives none.
        versions: those of the policy; None if the server does not say.
        aborted: whether the server gave up before the answer was whole.
    """

    ids: list[int]
    logprobs: list[float] | None
    versions: Versions | None = None
    aborted: bool = False


Generate = Callable[[list[int], Mapping[str, Any]], Awaitable[Generated]]
"""Continues a prompt; takes its token ids, and ``max_tokens`` and other sampling options."""


class Host(Protocol):
    """Plays the environment; see `EnvironmentHost`."""

    waited_s: float
    """Seconds spent waiting for it."""

    async def begin(self, task: TrainingTask, agent_seed: int) -> Begun: ...  # noqa: D102

    async def examples(self, count: int) -> list[Message]: ...  # noqa: D102

    async def step(self, answer: str) -> Observation | None: ...  # noqa: D102

    async def end(self, ending: Ending | None) -> Ended: ...  # noqa: D102


@dataclass(frozen=True)
class Rolled:
    """A rollout that has ended.

    Args:
        played: what became of the task.
        steps: the episode's, as its record has them.
        sequences: what the trainer learns from; none if the policy generated nothing.
        answers: requests to the policy.
        generating_s: seconds that they took.
        waiting_s: seconds that the environment took.
    """

    played: Played
    steps: list[Step]
    sequences: list[TokenSequence]
    answers: int
    generating_s: float
    waiting_s: float


class LimitReached(Exception):
    """A limit ends the episode, with what was scored so far.

    Args:
        ending: which.
    """

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending)
        self.ending: Ending = ending


class Rollout:
    """Plays one task.

    Args:
        task: the task.
        generate: see `Generate`.
        tokens: the policy's tokenizer and template.
        lengths: the most tokens of a sequence.
        context_tokens: the most tokens that the policy can read and generate at once.
        ends_at: when the policy is asked no more, on the event loop's clock.
    """

    def __init__(
        self,
        task: TrainingTask,
        generate: Generate,
        tokens: PromptTokens,
        lengths: Lengths,
        context_tokens: int,
        ends_at: float,
    ) -> None:
        self.task = task
        self.generate = generate
        self.tokens = tokens
        self.context_tokens = context_tokens
        self.ends_at = ends_at
        self.sequences = Sequences(lengths)
        self.answers = 0
        self.generating_s = 0.0
        self._completions: list[Completion] = []
        """Those of the step under way."""
        self._acted: list[dict[str, Any]] = []
        """What the record of each step says about the policy."""

    async def play(self, host: Host, agent_seed: int) -> Rolled:
        """Plays to the task's end or to a limit.

        Raises:
            InfrarayError: the task is not one that can be played.
        """
        options = self.task.chat_options()
        briefing, first = await host.begin(self.task, agent_seed)
        conversation = Conversation(briefing, options, self._send, self._count)
        count = conversation.examples_wanted
        shown = await host.examples(count) if count else []
        conversation.begin(options.context_tokens or self.context_tokens, shown)
        observation: Observation | None = first
        ending: Ending | None = None
        try:
            while observation is not None:
                self._completions = []
                action, _ = await conversation.step(observation)
                self._acted.append(_about(self._completions))
                observation = await host.step(action)
        except LimitReached as reached:
            ending = reached.ending
        except ContextOverflow:
            ending = "tokens"
        played, taken = await host.end(ending)
        steps = [step._replace(**acted) for step, acted in zip(taken, self._acted, strict=True)]
        return Rolled(played, steps, self.sequences.all(), self.answers, self.generating_s, host.waited_s)

    async def _send(self, messages: list[Message], max_tokens: int, options: Mapping[str, Any]) -> Completion:
        """Asks the policy, if there is room and time left for a whole answer.

        Raises:
            LimitReached: there is not.
            ContextOverflow: the prompt is too long for the policy's context.
            Unsupported: the option is one that a server of tokens does not know, such as a format of answers.
        """
        refused = next((name for name in options if name != "stop"), None)
        if refused is not None:
            raise Unsupported(f"a policy under training is asked for tokens; it takes no {refused}", refused)
        prompt_ids = await asyncio.to_thread(self.tokens.prompt_ids, messages)
        if len(prompt_ids) + max_tokens > self.context_tokens:
            raise ContextOverflow(f"{len(prompt_ids)} + {max_tokens} tokens", self.context_tokens)
        if not self.sequences.has_room(prompt_ids, max_tokens):
            raise LimitReached("tokens")
        clock = asyncio.get_running_loop().time
        asked = clock()
        try:
            async with asyncio.timeout_at(self.ends_at) as timeout:
                generated = await self.generate(prompt_ids, {"max_tokens": max_tokens, **options})
        except TimeoutError:
            if not timeout.expired():
                raise
            raise LimitReached("time") from None
        latency_s = clock() - asked
        self.generating_s += latency_s
        self.answers += 1
        turn = TokenTurn(prompt_ids, generated.ids, generated.logprobs, generated.versions, len(self._acted))
        self.sequences.add(turn)
        self.tokens.answered(prompt_ids, generated.ids)
        if generated.aborted:
            # Half an answer would be an invalid one, for which the policy is not to blame.
            raise LimitReached("time")
        text, was_stopped = _until(self.tokens.spoken(generated.ids), options.get("stop", ()))
        said, thoughts = spoken_and_thought(text)
        is_cut = not was_stopped and self.tokens.is_cut(generated.ids, max_tokens)
        completion = Completion(
            text=said,
            reasoning=thoughts or None,
            called=None,
            finish_reason="length" if is_cut else "stop",
            input_tokens=len(prompt_ids),
            output_tokens=len(generated.ids),
            latency_s=latency_s,
            time_to_first_token_s=None,
        )
        self._completions.append(completion)
        return completion

    async def _count(self, messages: list[Message]) -> int:
        return await asyncio.to_thread(self.tokens.count, messages)


def _about(completions: list[Completion]) -> dict[str, Any]:
    """What the record of a step says about the policy, whose prompts are in the sequences."""
    return {
        "latency_s": sum(completion.latency_s for completion in completions),
        "input_tokens": sum(completion.input_tokens or 0 for completion in completions),
        "output_tokens": sum(completion.output_tokens or 0 for completion in completions),
        "agent_extra": {"said": completions[-1].text, "requests": len(completions)} if completions else None,
    }


def _until(text: str, stops: Any) -> tuple[str, bool]:
    """A text up to the first of some marks, and whether there was one."""
    places = [place for stop in stops if (place := text.find(stop)) >= 0]
    return (text[: min(places)], True) if places else (text, False)
