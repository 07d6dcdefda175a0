"""Chat agents: a language model behind any OpenAI-compatible endpoint plays episodes."""

from infraray.agents.chat.agent import ChatAgent
from infraray.agents.chat.connections import listeners, take_share
from infraray.agents.chat.endpoints import Endpoints, FixedEndpoint, NotStarted, ServedModel
from infraray.agents.chat.options import ChatOptions
from infraray.agents.chat.places import Share
from infraray.agents.chat.strategies import Strategy, register_strategy
from infraray.agents.chat.tools import Tool, register_tool

__all__ = [
    "ChatAgent",
    "ChatOptions",
    "Endpoints",
    "FixedEndpoint",
    "NotStarted",
    "ServedModel",
    "Share",
    "Strategy",
    "Tool",
    "listeners",
    "register_strategy",
    "register_tool",
    "take_share",
]
