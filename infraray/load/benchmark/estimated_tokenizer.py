"""Token counts estimated from characters and the server's own counts, for when the model's tokenizer is missing."""

from __future__ import annotations

from dataclasses import dataclass

from infraray.load.workloads import Endpoint

CHARACTERS_PER_TOKEN = 4.5
"""For English, used if the server reports no counts."""


@dataclass(frozen=True)
class EstimatedTokenizer:
    """Counts roughly as the server does: good enough to size prompts, not to check the server.

    Args:
        characters_per_token: characters per token of English text.
        template_tokens: what the chat template adds to a prompt.
    """

    characters_per_token: float
    template_tokens: int

    is_exact = False

    @property
    def sha256(self) -> str:
        """A description instead of a digest, since nothing is stored under it."""
        return repr(self)

    def count_text(self, text: str) -> int:
        """Approximate number of tokens of a plain text."""
        return round(len(text) / self.characters_per_token)

    def count_prompt(self, text: str, endpoint: Endpoint) -> int:
        """Approximate number of tokens of a prompt."""
        return self.template_tokens + self.count_text(text)
