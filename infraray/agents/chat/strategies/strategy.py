"""The base of all strategies, and their index."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from infraray.agents.agent import Briefing
from infraray.agents.chat.dialogue import Dialogue
from infraray.agents.chat.tools import Tool
from infraray.registry import Registry

NO_ANSWER = ""
"""Stands in for an answer that was cut off before its end: an invalid action."""


class Strategy(ABC):
    """Leads a model from an observation to an action; made afresh for each episode.

    Args:
        briefing: the episode's.
        tools: what the model may use, by name; empty unless ``takes_tools``.
        max_tool_calls: within one step.
    """

    takes_tools: ClassVar[bool] = False
    default_examples: ClassVar[int] = 0
    """Examples that the model is shown by default; 0 for a strategy that shows none."""

    def __init__(self, briefing: Briefing, tools: Mapping[str, Tool], max_tool_calls: int) -> None:
        self.briefing = briefing
        self.tools = tools
        self.max_tool_calls = max_tool_calls

    @abstractmethod
    def instruction(self) -> str:
        """Says how to answer; follows the task and the actions in the system message."""

    async def decide(self, dialogue: Dialogue) -> str:
        """All that the model said: the environment finds the action in it, for every strategy alike."""
        completion = await dialogue.ask()
        dialogue.answered(completion.text)
        return self.extract_cut(completion.text) if completion.is_cut else completion.text

    def extract_cut(self, text: str) -> str:
        """The action in an answer that was cut off: only a JSON object shows that nothing is missing."""
        try:
            is_whole = isinstance(json.loads(text), dict)
        except (ValueError, RecursionError):
            is_whole = False
        return text if is_whole else NO_ANSWER


strategies: Registry[type[Strategy]] = Registry("strategy")


def register_strategy(name: str, strategy: type[Strategy]) -> None:
    """Makes ``strategy=name`` mean a class.

    Raises:
        InfrarayError: the name is taken by other code (`infraray.ownership`).
    """
    strategies.register(name, strategy)
