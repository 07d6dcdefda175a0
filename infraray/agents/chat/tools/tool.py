"""What a tool is, and the index of all."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from infraray.registry import Registry


class Tool(ABC):
    """Something that a model may use; made anew for each episode."""

    description: ClassVar[str]
    """One sentence for the model: what goes in, what comes out."""

    @abstractmethod
    def use(self, text: str) -> str:
        """What comes out for ``text``; a mistake of the model's is told in words, never raised."""


tools: Registry[type[Tool]] = Registry("tool")


def register_tool(name: str, tool: type[Tool]) -> None:
    """Makes ``tools=name`` mean a class.

    Raises:
        InfrarayError: the name is taken by other code (`infraray.ownership`).
    """
    tools.register(name, tool)
