"""Episodes of the shell agent, with a model that gives one command after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import infraray
from infraray.agents import load_agent
from infraray.environment import Measures
from infraray.episodes.identity import Entry, EpisodeSpec
from infraray.episodes.player import EpisodePlayer
from infraray.episodes.trajectory import Trajectory
from infraray.registration import find
from tests.openai_server import Server

Model = Callable[[dict[str, Any]], Any]

SHORT = {"warmup_steps": 0, "scored_steps": 3}
"""A load balancer's episode of three jobs."""


def commands(*texts: str, then: str = "FINISHED") -> Model:
    """A model that runs the commands in turn, whatever it is told, and then says something."""
    left: Iterator[str] = iter(texts)

    def say(body: dict[str, Any]) -> str:
        text = next(left, None)
        return then if text is None else f"Next.\n\n```bash\n{text}\n```"

    return say


@dataclass(frozen=True)
class Played:
    """An episode and what it left behind."""

    trajectory: Trajectory
    requests: list[dict[str, Any]]

    def events(self, kind: str) -> list[dict[str, Any]]:
        """Its recorded events of a kind, in order."""
        events = [e for step in self.trajectory.steps for e in (step.agent_extra or {})["events"]]
        return [event for event in events if event["kind"] == kind]

    @property
    def outputs(self) -> list[str]:
        """What the agent was shown of each of its commands."""
        return [event["output"] for event in self.events("shell")]

    @property
    def summary(self) -> dict[str, Any]:
        """The facts of the run at its end."""
        extra: dict[str, Any] = dict(self.trajectory.steps[-1].agent_extra or {})
        summary: dict[str, Any] = extra["workspace"]
        return summary

    @property
    def actions(self) -> list[Any]:
        """The actions of its steps."""
        return [step.action for step in self.trajectory.steps]


def play(
    says: Model,
    query: str = "time_s=60",
    scenario: str = "load_balance",
    seed: int = 1,
    kind: str = "",
    limit_s: float = 300.0,
    **given: Any,
) -> Played:
    """Plays one episode.

    Args:
        says: the model.
        query: the agent's options.
        scenario: its name.
        seed: of the task.
        kind: the agent without its options; by default ``shell:`` at the model's server.
        limit_s: seconds that the episode may take.
        given: the scenario's parameters.
    """
    with Server(says) as server:
        agent = f"{kind or f'shell:m@{server.url}'}?{query}".replace("URL", server.url)
        environment = infraray.make(scenario, **given)
        made = load_agent(agent, scenario)
        entry = Entry.of(environment, find(scenario).id, agent, made, {}, scenario)
        player = EpisodePlayer(limit_s, with_bounds=False)
        trajectory = asyncio.run(player.converse(EpisodeSpec(entry, seed, 0)))
        player.close()
        environment.close()
        return Played(trajectory, server.requests)


def step_by_step(played: Played, scenario: str, seed: int, **given: Any) -> Measures:
    """The verdict on the same actions without a workspace."""
    environment = infraray.make(scenario, **given)
    environment.reset(seed=seed)
    try:
        for action in played.actions:
            environment.step(action)
        return environment.verdict()
    finally:
        environment.close()


def act(*servers: int) -> Sequence[str]:
    """Commands that give answers to the load balancer."""
    return [f"act '{{\"server\": {server}}}'" for server in servers]
