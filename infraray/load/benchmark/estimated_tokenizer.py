"""Token counts where the model's tokenizer is not at hand: by characters, as the server's own counts suggest."""

from __future__ import annotations

from dataclasses import dataclass

from infraray.load.workloads import Endpoint

CHARACTERS_PER_TOKEN = 4.5
"""Of English, where the server counts nothing."""


@dataclass(frozen=True)
class EstimatedTokenizer:
    """Counts about as the server does: good for prompts of about the asked length, not for checking it.

    Args:
        characters_per_token: of English text.
        template_tokens: what the chat template adds to a prompt.
    """

    characters_per_token: float
    template_tokens: int

    is_exact = False

    @property
    def sha256(self) -> str:
        """What it is, in place of a digest: nothing is stored by it."""
        return repr(self)

    def count_text(self, text: str) -> int:
        """Tokens of a plain text, about."""
        return round(len(text) / self.characters_per_token)

    def count_prompt(self, text: str, endpoint: Endpoint) -> int:
        """Tokens of a prompt, about."""
        return self.template_tokens + self.count_text(text)
