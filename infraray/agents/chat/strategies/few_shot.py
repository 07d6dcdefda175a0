"""Few-shot: first, the scenario's expert shows what it does on other tasks (Brown et al., 2020).

The examples appear in the prompt as if the model itself had given the expert's answers; they come
from ``infraray/agents/chat/examples.py``.
"""

from __future__ import annotations

from infraray.agents.chat.strategies.zero_shot import ZeroShot


class FewShot(ZeroShot):
    """Asks for the action alone, after some examples."""

    default_examples = 3

    def instruction(self) -> str:
        """Says what the first messages are."""
        return f"{super().instruction()} The first exchanges are examples of good answers, from other tasks."
