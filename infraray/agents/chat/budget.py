"""The number of tokens a prompt may have, and an estimate of how many it has that errs on the high side.

No tokenizer makes more than one token per byte, which is where the estimate starts. Each count
that a server gives (its usage, or vLLM's ``/tokenize``) sharpens it to the highest number of
tokens per byte seen in this episode, plus a margin.
"""

from __future__ import annotations

from collections.abc import Iterable

from infraray.agents.chat.messages import Message

DEFAULT_CONTEXT_TOKENS = 8192
TOKENS_PER_MESSAGE = 8
"""Tokens that chat templates put around a message, estimated generously."""
TOKENS_PER_PROMPT = 16
MARGIN = 1.15
FEWEST_ANSWER_TOKENS = 16


class TokenBudget:
    """Divides a model's context into prompt and answer.

    Args:
        context_tokens: the model's context.
        max_tokens: the most an answer may have; at most half of the context is set aside for it.
    """

    def __init__(self, context_tokens: int, max_tokens: int) -> None:
        self.context_tokens = context_tokens
        self.max_tokens = min(max_tokens, context_tokens // 2)
        self.tokens_per_byte: float | None = None
        self.longest_prompt = context_tokens
        """The share of it left after the server refused prompts without naming its context."""

    @property
    def prompt_tokens(self) -> int:
        """The most tokens a prompt may have."""
        return min(self.context_tokens - self.max_tokens, self.longest_prompt)

    def estimate(self, messages: Iterable[Message]) -> int:
        """The most tokens it can have, as far as is known."""
        count = size = 0
        for message in messages:
            count += 1
            size += _bytes(message)
        rate = 1.0 if self.tokens_per_byte is None else min(1.0, self.tokens_per_byte * MARGIN)
        return int(size * rate) + 1 + count * TOKENS_PER_MESSAGE + TOKENS_PER_PROMPT

    def learn(self, messages: Iterable[Message], prompt_tokens: int | None) -> None:
        """Learns from the true length of a prompt."""
        size = sum(map(_bytes, messages))
        if prompt_tokens is not None and prompt_tokens > 0 and size > 0:
            self.tokens_per_byte = max(self.tokens_per_byte or 0.0, prompt_tokens / size)

    def answer_tokens(self, messages: Iterable[Message]) -> int:
        """The most tokens the answer to a prompt may have: fewer than usual if the prompt is too long."""
        left = self.context_tokens - self.estimate(messages)
        return max(min(FEWEST_ANSWER_TOKENS, self.max_tokens), min(self.max_tokens, left))

    def tighten(self, refused: Iterable[Message], context_tokens: int | None) -> None:
        """Adopts the context that a server named when refusing a prompt as too long, or halves the prompt's limit.

        Args:
            refused: the prompt.
            context_tokens: the context that the server named.
        """
        self.tokens_per_byte = None
        if context_tokens is not None and context_tokens < self.context_tokens:
            self.context_tokens = context_tokens
            self.max_tokens = min(self.max_tokens, context_tokens // 2)
        else:
            self.longest_prompt = min(self.prompt_tokens, self.estimate(refused)) // 2


def _bytes(message: Message) -> int:
    content = message["content"]
    return len(content) if content.isascii() else len(content.encode())
