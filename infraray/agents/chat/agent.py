"""The chat agent: one episode, one conversation with a model."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import secrets
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from infraray.agents.agent import Agent, Briefing, Turn
from infraray.agents.chat.budget import DEFAULT_CONTEXT_TOKENS, TokenBudget
from infraray.agents.chat.cache import open_cache
from infraray.agents.chat.client import ChatClient
from infraray.agents.chat.completion import Completion
from infraray.agents.chat.dialogue import Dialogue
from infraray.agents.chat.endpoints import Endpoints, FixedEndpoint
from infraray.agents.chat.examples import examples
from infraray.agents.chat.failures import ContextOverflow
from infraray.agents.chat.memory import make_memory
from infraray.agents.chat.messages import Message, assistant, task, user
from infraray.agents.chat.options import ChatOptions, tool_names
from infraray.agents.chat.perception import in_words
from infraray.agents.chat.prices import read_price
from infraray.agents.chat.strategies import strategies
from infraray.agents.chat.tools import tools
from infraray.agents.spec import load_agent
from infraray.environment import Environment
from infraray.errors import InfrarayError
from infraray.observation import Observation
from infraray.protocol.keys import key_fault

FULL_AFTER_FORGETTING = 0.75
"""Share of the prompt still filled after forgetting: several turns go at once, so its beginning lasts some steps."""


class ChatAgent(Agent):
    """Plays with a model behind an OpenAI-compatible server.

    One agent plays one episode at a time; any number of them in one event loop share the
    connections to a server.

    Args:
        model: the name by which the server knows it.
        endpoints: hands out the server; a base URL stands for that server alone.
        options: as in `ChatOptions`.

    Raises:
        InfrarayError: one line for every option that is unknown or wrong.
    """

    def __init__(self, model: str, endpoints: Endpoints | str, /, **options: Any) -> None:
        if importlib.util.find_spec("openai") is None:
            raise InfrarayError("chat agents need the openai client; pip install 'infraray[chat]'")
        self.model = model
        self.endpoints = FixedEndpoint(endpoints) if isinstance(endpoints, str) else endpoints
        self.options = ChatOptions.parse(f"chat:{model}", options)
        self.price = read_price(self.options.prices, model) if self.options.prices else None
        self.cache = open_cache(self.options.cache) if self.options.cache else None
        self.client: ChatClient | None = None

    @property
    def concurrency(self) -> int | None:
        """The most requests that the whole run may have in flight at its server."""
        return self.options.concurrency

    def reset(self, briefing: Briefing) -> None:
        """Begins a new conversation."""
        options = self.options
        self.client = ChatClient(
            self.model,
            self.endpoints,
            conversation=f"{briefing.scenario}-{briefing.seed:016x}-{secrets.token_hex(4)}",
            api_key_env=options.api_key_env,
            cache=self.cache,
            request_timeout_s=options.request_timeout_s,
            max_retries=options.max_retries,
            patience_s=options.patience_s,
            concurrency=options.concurrency,
        )
        self.briefing = briefing
        self.memory = make_memory(options.memory)
        self.tools = {name: tools[name]() for name in tool_names(options.tools)}
        strategy = strategies[options.strategy]
        self.strategy = strategy(briefing, self.tools, options.max_tool_calls)
        self.budget: TokenBudget | None = None
        self.examples: list[Message] | None = None
        self._prompt: list[Message] = []
        self._asides: list[Completion] = []

    def parts(self, environment: Environment) -> tuple[Any, ...]:
        """Its strategy, its tools, and the expert whose answers are its examples."""
        options, strategy = self.options, strategies[self.options.strategy]
        expert = environment.expert if options.examples or strategy.default_examples else None
        shown = [] if expert is None else [type(load_agent(expert, environment.scenario))]
        return strategy, *(tools[name] for name in tool_names(options.tools)), *shown

    def problem(self) -> str | None:
        """Its key, named by its options or required by OpenAI's own servers, is not set or not valid."""
        name = self.options.api_key_env
        if (fault := key_fault(os.environ.get(name, ""))) is not None:
            return f"{name} {fault}; export the key alone under this name"
        named = "api_key_env" in self.options.model_fields_set
        asked = isinstance(self.endpoints, FixedEndpoint) and _is_openai(self.endpoints.base_url)
        if self.cache is not None or os.environ.get(name) or not (named or asked):
            return None
        return f"{name} is not set; export the server's key under this name" + (
            ", or leave api_key_env out where it asks for none" if named else ", or name another variable: api_key_env"
        )

    async def release(self) -> None:
        """Gives the server back."""
        if self.client is not None:
            await self.client.release()

    async def act(self, observation: Observation) -> Turn:
        """Asks the model through the strategy."""
        if self.budget is None:
            await self._begin(text="text_observation" in observation)
        self._asides = []
        dialogue = Dialogue([user(in_words(observation))], self._send, self.tools)
        action = await self.strategy.decide(dialogue)
        self.memory.remember(dialogue.said)
        return self._turn(action, dialogue)

    async def _begin(self, text: bool) -> None:
        """Prepares what depends on the first observation or the server."""
        assert self.client is not None
        count = self.options.examples or self.strategy.default_examples
        self.examples = await asyncio.to_thread(examples, self.briefing, count, text) if count else []
        context = self.options.context_tokens or await self.client.context_tokens() or DEFAULT_CONTEXT_TOKENS
        self.budget = TokenBudget(context, self.options.max_tokens)

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
            raise InfrarayError(f"{self.model}: the shortest prompt is too long for its context: {overflow}") from None

    async def _request(self, prompt: list[Message], max_tokens: int, options: Mapping[str, Any]) -> Completion:
        assert self.client is not None and self.budget is not None
        self._prompt = prompt
        completion = await self.client.complete(
            {
                "model": self.model,
                "messages": prompt,
                "temperature": self.options.temperature,
                "max_tokens": max_tokens,
                "seed": self.briefing.seed % 2**31,
                **options,
            }
        )
        self.budget.learn(prompt, completion.input_tokens)
        return completion

    async def _compose(self, said: Sequence[Message]) -> list[Message]:
        """The prompt: task, examples, memory, this step. Whatever does not fit is forgotten, oldest first."""
        assert self.client is not None and self.budget is not None and self.examples is not None
        budget, memory, shown = self.budget, self.memory, self.examples

        def prompt() -> list[Message]:
            return [self._task(), *shown, *memory.messages(), *said]

        composed = prompt()
        if budget.estimate(composed) <= budget.prompt_tokens:
            return composed
        if budget.tokens_per_byte is None:
            budget.learn(composed, await self.client.count_tokens(composed))
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
        """Asks the model something outside the conversation."""
        assert self.budget is not None
        try:
            completion = await self._request(messages, min(max_tokens, self.budget.answer_tokens(messages)), {})
        except ContextOverflow:
            return ""
        self._asides.append(completion)
        return completion.text

    def _task(self) -> Message:
        briefing = self.briefing
        instruction = self.strategy.instruction()
        return task(briefing.task_description, briefing.available_actions, instruction, self.memory.preamble)

    def _turn(self, action: str, dialogue: Dialogue) -> Turn:
        """The action and the record of how it came about; sums are over all requests of the step."""
        asked = [*self._asides, *dialogue.completions]
        last = dialogue.completions[-1]
        inputs = _sum(completion.input_tokens for completion in asked)
        outputs = _sum(completion.output_tokens for completion in asked)
        said = dialogue.said[-1]["content"]
        reasoning = [completion.reasoning for completion in dialogue.completions if completion.reasoning]
        return Turn(
            action,
            inputs,
            outputs,
            {
                "model": self.model,
                "messages": self._prompt,
                # The prompt's last messages are those of this step, before the answer.
                "turn_start": len(self._prompt) - len(dialogue.said) + 1,
                "completion": assistant(said),
                "said": said,
                "reasoning": "\n".join(reasoning) or None,
                "requests": len(asked),
                "latency_s": sum(completion.latency_s for completion in asked),
                "time_to_first_token_s": asked[0].time_to_first_token_s,
                "retries": sum(completion.retries for completion in asked),
                "waited_s": sum(completion.waited_s for completion in asked),
                "finish_reason": last.finish_reason,
                "refusal": last.refusal,
                "cost": self.price.of(inputs, outputs) if self.price is not None else None,
                "cached": all(completion.cached for completion in asked),
                "left_out": sorted({*last.left_out, *dialogue.left_out}),
                "tool_calls": dialogue.tool_calls,
            },
        )


def _is_openai(base_url: str) -> bool:
    return (urlsplit(base_url).hostname or "").endswith(".openai.com")


def _sum(counts: Any) -> int | None:
    """The sum; None if any is unknown."""
    known = list(counts)
    return None if any(count is None for count in known) else sum(known)
