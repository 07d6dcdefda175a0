"""The contract of every agent."""

from __future__ import annotations

import math
import pickle
from typing import ClassVar

import pytest

from infraray.agents import Agent, Briefing, load_agent
from infraray.testing.case import ScenarioCase
from infraray.testing.playing import Steps, plain, play_agent


class AgentConformance(ScenarioCase):
    """Tests an agent's contract: ``class TestMine(AgentConformance): scenario = "mine"; agent = "python:..."``."""

    agent: ClassVar[str]
    """The agent's spec."""

    deterministic: ClassVar[bool] = True
    """Whether equal briefings and observations give equal actions; False for models that sample."""

    def load(self) -> Agent:
        """Makes the agent."""
        return load_agent(self.agent, self.registration().name)

    def test_acts_validly_on_every_task(self) -> None:
        """No answer is refused, and every episode ends with a score."""
        environment, agent = self.make(), self.load()
        for seed in self.seeds:
            for *_, info in play_agent(environment, agent, seed):
                assert info["valid"], info["reason"]
            assert math.isfinite(environment.verdict().score)

    def test_reset_forgets_the_last_episode(self) -> None:
        """A task is played as if it were the agent's first, regardless of what was played before."""
        self._needs_determinism()
        used = self.load()
        first = self._episode(used, self.seeds[0])
        self._episode(used, self.seeds[1])
        assert self._episode(used, self.seeds[0]) == first

    def test_reset_forgets_an_episode_that_broke_off(self) -> None:
        """Also after an episode that stopped midway."""
        self._needs_determinism()
        environment, used = self.make(max_episode_steps=3), self.load()
        play_agent(environment, used, self.seeds[1])
        assert self._episode(used, self.seeds[0]) == self._episode(self.load(), self.seeds[0])

    def test_observations_are_left_as_they_are(self) -> None:
        """They are stored after the agent has seen them, so it must not change them."""
        environment, agent = self.make(), self.load()
        observation, _ = environment.reset(seed=self.seeds[0])
        agent.reset(Briefing.of(environment, 0))
        seen = plain(observation)
        agent.act(observation)
        assert plain(observation) == seen

    def test_pickled_agent_goes_on_as_the_original(self) -> None:
        """Agents travel to workers."""
        environment, agent = self.make(), self.load()
        observation, _ = environment.reset(seed=self.seeds[0])
        agent.reset(Briefing.of(environment, 0))
        over = False
        for _ in range(3):
            if not over:
                observation, _, terminated, truncated, _ = environment.step(agent.act(observation))
                over = terminated or truncated
        copied = pickle.loads(pickle.dumps(agent))
        self._needs_determinism()
        while not over:
            action = agent.act(observation)
            assert plain(copied.act(observation)) == plain(action)
            observation, _, terminated, truncated, _ = environment.step(action)
            over = terminated or truncated

    def _episode(self, agent: Agent, seed: int) -> Steps:
        return play_agent(self.make(), agent, seed)

    def _needs_determinism(self) -> None:
        if not self.deterministic:
            pytest.skip(f"{self.agent} does not promise equal actions")
