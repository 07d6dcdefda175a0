"""Plays some steps of an episode with a chat agent."""

from __future__ import annotations

import json
from typing import Any

import infraray
from infraray.agents import Briefing, Turn
from infraray.agents.chat import ChatAgent
from tests.openai_server import Server


def agent_at(server: Server, **options: Any) -> ChatAgent:
    return ChatAgent("m", server.url, **options)


async def play(
    agent: ChatAgent, steps: int, scenario: str = "load_balance", seed: int = 1, agent_seed: int = 7, **arguments: Any
) -> list[tuple[Turn, dict[str, Any]]]:
    """The turns and what the environment made of each."""
    environment = infraray.make(scenario, **arguments)
    observation, _ = environment.reset(seed=seed)
    agent.reset(Briefing.of(environment, agent_seed))
    played: list[tuple[Turn, dict[str, Any]]] = []
    for _ in range(steps):
        turn = await agent.act(observation)
        json.dumps(turn.extra)
        observation, _, _, _, info = environment.step(turn.action)
        played.append((turn, info))
    await agent.release()
    return played
