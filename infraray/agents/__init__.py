"""Agents that play episodes, and the spec strings that name them."""

from infraray.agents.agent import Agent, Briefing, ScriptedAgent, Turn, register_agent, registered_agents
from infraray.agents.random import Random
from infraray.agents.spec import AgentSpec, load_agent, load_file, parse_agent, read_source

__all__ = [
    "Agent",
    "AgentSpec",
    "Briefing",
    "Random",
    "ScriptedAgent",
    "Turn",
    "load_agent",
    "load_file",
    "parse_agent",
    "read_source",
    "register_agent",
    "registered_agents",
]
