"""Agents that play episodes, and the spec strings that name them."""

from infraray.agents import kinds as _kinds  # noqa: F401 (its import registers the kinds)
from infraray.agents.agent import Agent, Briefing, ScriptedAgent, Turn, register_agent, registered_agents
from infraray.agents.kind import AgentKind, agent_kinds, find_agent_kind, register_agent_kind
from infraray.agents.random import Random
from infraray.agents.spec import AgentSpec, load_agent, parse_agent

__all__ = [
    "Agent",
    "AgentKind",
    "AgentSpec",
    "Briefing",
    "Random",
    "ScriptedAgent",
    "Turn",
    "agent_kinds",
    "find_agent_kind",
    "load_agent",
    "parse_agent",
    "register_agent",
    "register_agent_kind",
    "registered_agents",
]
