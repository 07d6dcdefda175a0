"""Zero-shot: the task, the observation, the answer."""

from __future__ import annotations

from infraray.agents.chat.strategies.strategy import Strategy

INSTRUCTION = "At each step you are told the state. Reply with your action only, without an explanation."


class ZeroShot(Strategy):
    """Asks for the action alone."""

    def instruction(self) -> str:
        """Asks for nothing but the action."""
        return INSTRUCTION
