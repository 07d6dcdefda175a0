"""The conversation of one episode with a model: what it is shown at each step, within a budget of tokens.

How a prompt travels is not its business: it takes any way to send one, a client of a server for an agent that is
evaluated or a trainer's own server for a policy that learns (`infraray.training.agent_loop`), so that both are asked
the same.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from infraray.agents.agent import Briefing
from infraray.agents.chat.budget import TokenBudget
from infraray.agents.chat.completion import Completion
from infraray.agents.chat.dialogue import Dialogue
from infraray.agents.chat.failures import ContextOverflow
from infraray.agents.chat.memory import make_memory
from infraray.agents.chat.messages import Message, task, user
from infraray.agents.chat.options import ChatOptions, tool_names
from infraray.agents.chat.perception import in_words
from infraray.agents.chat.strategies import strategies
from infraray.agents.chat.tools import tools
from infraray.observation import Observation

FULL_AFTER_FORGETTING = 0.75
"""Share of the prompt still filled after forgetting: several turns go at once, so its beginning lasts some steps."""

Send = Callable[[list[Message], int, Mapping[str, Any]], Awaitable[Completion]]
"""Sends a prompt; takes the most tokens that the answer may have and further request options.

Raises `ContextOverflow` if the prompt is too long and `Unsupported` if an option is not accepted.
"""

Count = Callable[[list[Message]], Awaitable[int | None]]
"""The exact number of tokens of a prompt; None if nobody counts them."""


class Conversation:
    """Leads a model through an episode: strategy, examples, memory and tools, as in `ChatOptions`.

    Args:
        briefing: the episode's.
        options: how the model is asked.
        send: see `Send`.
        count: see `Count`.
    """

    def __init__(self, briefing: Briefing, options: ChatOptions, send: Send, count: Count) -> None:
        self.briefing = briefing
        self.options = options
        self.send = send
        self.count = count
        self.memory = make_memory(options.memory)
        self.tools = {name: tools[name]() for name in tool_names(options.tools)}
        self.strategy = strategies[options.strategy](briefing, self.tools, options.max_tool_calls)
        self.budget: TokenBudget | None = None
        self.examples: list[Message] = []
        self.prompt: list[Message] = []
        """The last one sent."""
        self.asides: list[Completion] = []
        """Answers given in this step that are no part of its dialogue, such as a summary."""

    @property
    def has_begun(self) -> bool:
        """Whether `begin` was called."""
        return self.budget is not None

    @property
    def examples_wanted(self) -> int:
        """The number of examples to show; 0 for a strategy that shows none."""
        return self.options.examples or self.strategy.default_examples

    def begin(self, context_tokens: int, examples: list[Message]) -> None:
        """Prepares what depends on the model, or on the machine that can play the environment.

        Args:
            context_tokens: the model's context.
            examples: as many as are wanted (`infraray.agents.chat.examples`).
        """
        self.examples = examples
        self.budget = TokenBudget(context_tokens, self.options.max_tokens)

    async def step(self, observation: Observation) -> tuple[str, Dialogue]:
        """Asks the model through the strategy; returns its answer and the dialogue that led to it.

        Raises:
            ContextOverflow: not even the shortest prompt fits.
        """
        self.asides = []
        dialogue = Dialogue([user(in_words(observation))], self._send, self.tools)
        action = await self.strategy.decide(dialogue)
        self.memory.remember(dialogue.said)
        return action, dialogue

    async def _send(self, said: list[Message], options: Mapping[str, Any]) -> Completion:
        """Sends a step's messages after the task and the memory, within the budget."""
        assert self.budget is not None
        prompt = await self._compose(said)
        try:
            return await self._request(prompt, self.budget.answer_tokens(prompt), options)
        except ContextOverflow as overflow:
            self.budget.tighten(prompt, overflow.context_tokens)
            prompt = await self._compose(said)
        try:
            return await self._request(prompt, self.budget.answer_tokens(prompt), options)
        except ContextOverflow as overflow:
            raise ContextOverflow(f"the shortest prompt is too long for its context: {overflow}") from None

    async def _request(self, prompt: list[Message], max_tokens: int, options: Mapping[str, Any]) -> Completion:
        assert self.budget is not None
        self.prompt = prompt
        completion = await self.send(prompt, max_tokens, options)
        self.budget.learn(prompt, completion.input_tokens)
        return completion

    async def _compose(self, said: Sequence[Message]) -> list[Message]:
        """The prompt: task, examples, memory, this step. Whatever does not fit is forgotten, oldest first."""
        assert self.budget is not None
        budget, memory, shown = self.budget, self.memory, self.examples

        def prompt() -> list[Message]:
            return [self._task(), *shown, *memory.messages(), *said]

        composed = prompt()
        if budget.estimate(composed) <= budget.prompt_tokens:
            return composed
        if budget.tokens_per_byte is None:
            budget.learn(composed, await self.count(composed))
            if budget.estimate(composed) <= budget.prompt_tokens:
                return composed
        await memory.condense(self._aside, lambda messages: budget.estimate(messages) <= budget.prompt_tokens)
        full = budget.prompt_tokens * FULL_AFTER_FORGETTING
        while budget.estimate(prompt()) > full and memory.forget_oldest():
            pass
        while budget.estimate(prompt()) > budget.prompt_tokens and shown:
            shown = shown[2:]
        return prompt()

    async def _aside(self, messages: list[Message], max_tokens: int) -> str:
        """Asks the model something outside the dialogue."""
        assert self.budget is not None
        try:
            completion = await self._request(messages, min(max_tokens, self.budget.answer_tokens(messages)), {})
        except ContextOverflow:
            return ""
        self.asides.append(completion)
        return completion.text

    def _task(self) -> Message:
        briefing = self.briefing
        instruction = self.strategy.instruction()
        return task(briefing.task_description, briefing.available_actions, instruction, self.memory.preamble)
