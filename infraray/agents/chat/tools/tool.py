"""The base of all tools, and their index."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from infraray.registry import Registry


class Tool(ABC):
    """A tool that a model may use; made afresh for each episode."""

    description: ClassVar[str]
    """One sentence for the model about input and output."""

    @abstractmethod
    def use(self, text: str) -> str:
        """The output for ``text``; a mistake of the model's is described in words, never raised."""


tools: Registry[type[Tool]] = Registry("tool")


def register_tool(name: str, tool: type[Tool]) -> None:
    """Makes ``tools=name`` mean a class.

    Raises:
        InfrarayError: the name is taken by other code (`infraray.ownership`).
    """
    tools.register(name, tool)
