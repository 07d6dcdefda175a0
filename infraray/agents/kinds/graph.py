"""``graph:mine.py:graph``: a compiled LangGraph graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from infraray.agents.agent import Agent
from infraray.agents.graph import GraphAgent
from infraray.agents.kinds.imported import ImportedKind
from infraray.errors import InfrarayError
from infraray.user_code import describe_failure

if TYPE_CHECKING:
    from infraray.agents.chat.endpoints import ServedModel


class Graph(ImportedKind):
    """Graphs, which are configured where they are compiled."""

    package = "langgraph"
    install = "pip install 'infraray[langgraph]'"

    def make(self, target: str, options: Mapping[str, Any], scenario: str, engines: Mapping[str, ServedModel]) -> Agent:
        """Wraps the graph as an agent."""
        whose = f"agent {self.name}:{target}"
        if options:
            raise InfrarayError(f"{whose}: takes no options; set them in the graph")
        graph = self.find(target)
        try:
            return GraphAgent(graph)
        except InfrarayError as error:
            raise InfrarayError(f"{whose}: {describe_failure(error)}") from None
