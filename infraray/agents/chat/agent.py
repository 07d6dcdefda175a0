"""The chat agent: one episode, one conversation with a model."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from infraray.agents.agent import Agent, Briefing, Turn
from infraray.agents.chat.budget import DEFAULT_CONTEXT_TOKENS
from infraray.agents.chat.cache import open_cache
from infraray.agents.chat.client import ChatClient
from infraray.agents.chat.completion import Completion
from infraray.agents.chat.conversation import Conversation
from infraray.agents.chat.dialogue import Dialogue
from infraray.agents.chat.endpoints import Endpoints, FixedEndpoint
from infraray.agents.chat.examples import examples
from infraray.agents.chat.failures import ContextOverflow
from infraray.agents.chat.messages import Message, assistant
from infraray.agents.chat.options import ChatOptions, tool_names
from infraray.agents.chat.prices import read_price
from infraray.agents.chat.strategies import strategies
from infraray.agents.chat.tools import tools
from infraray.agents.spec import load_agent
from infraray.environment import Environment
from infraray.errors import InfrarayError
from infraray.observation import Observation
from infraray.protocol.keys import key_fault


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
        self.conversation = Conversation(briefing, options, self._send, self.client.count_tokens)

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
        assert self.client is not None
        if not self.conversation.has_begun:
            context = self.options.context_tokens or await self.client.context_tokens() or DEFAULT_CONTEXT_TOKENS
            count, text = self.conversation.examples_wanted, "text_observation" in observation
            shown = await asyncio.to_thread(examples, self.conversation.briefing, count, text) if count else []
            self.conversation.begin(context, shown)
        try:
            return self._turn(*await self.conversation.step(observation))
        except ContextOverflow as overflow:
            raise InfrarayError(f"{self.model}: {overflow}") from None

    async def _send(self, prompt: list[Message], max_tokens: int, options: Mapping[str, Any]) -> Completion:
        assert self.client is not None
        return await self.client.complete(
            {
                "model": self.model,
                "messages": prompt,
                "temperature": self.options.temperature,
                "max_tokens": max_tokens,
                "seed": self.conversation.briefing.seed % 2**31,
                **({"logprobs": True, "return_token_ids": True} if self.options.logprobs else {}),
                **options,
            }
        )

    def _turn(self, action: str, dialogue: Dialogue) -> Turn:
        """The action and the record of how it came about; sums are over all requests of the step."""
        asked, prompt = [*self.conversation.asides, *dialogue.completions], self.conversation.prompt
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
                "messages": prompt,
                # The prompt's last messages are those of this step, before the answer.
                "turn_start": len(prompt) - len(dialogue.said) + 1,
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
                **({"tokens": [_tokens(completion) for completion in asked]} if self.options.logprobs else {}),
            },
        )


def _tokens(completion: Completion) -> dict[str, Any]:
    """An exchange in tokens, as far as the server tells it."""
    return {
        "prompt_ids": completion.prompt_ids,
        "answer_ids": completion.token_ids,
        "logprobs": completion.logprobs,
    }


def _is_openai(base_url: str) -> bool:
    return (urlsplit(base_url).hostname or "").endswith(".openai.com")


def _sum(counts: Any) -> int | None:
    """The sum; None if any is unknown."""
    known = list(counts)
    return None if any(count is None for count in known) else sum(known)
