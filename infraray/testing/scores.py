"""Tests of scores: nothing beats the bound, and chance beats nobody who knows better."""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import numpy as np
import pytest

import infraray
from infraray.agents import Agent, Briefing, load_agent, registered_agents
from infraray.environment import INVALID_ACTION, Environment
from infraray.statistics.student_t import t_quantile
from infraray.testing.bounds import at_most
from infraray.testing.case import ScenarioCase
from infraray.testing.playing import Draws, play, play_agent

SEEDS = range(100, 115)
"""The number of tasks on which the expert is compared with the best constant answer."""


class Played(NamedTuple):
    """One agent's episode on one task."""

    agent: str
    seed: int
    score: float
    bound: float
    failure: str | None
    correct: bool | None
    earned: float


BROKEN_OFF = (INVALID_ACTION, "step_limit")
"""Failures that say nothing about a solution."""


class ScoreConformance(ScenarioCase):
    """The bound holds, the floor is low, and both stay valid under a step limit."""

    @classmethod
    @cache
    def all_played(cls) -> list[Played]:
        """Every registered agent on every task."""
        return cls._play_all(cls.seeds)

    def test_no_agent_beats_the_bound_on_any_task(self) -> None:
        """Nor is any score missing."""
        for played in self.all_played():
            assert math.isfinite(played.score) and math.isfinite(played.bound), played
            assert self._at_most(played.score, played.bound), played

    def test_scores_and_bounds_are_values_that_the_score_can_have(self) -> None:
        """Intervals are cut at the ends of the range that `infraray.Score` declares."""
        low, high = self.registration().environment_class().score.range
        for played in self.all_played():
            assert low <= played.score <= high and low <= played.bound <= high, played

    def test_registered_agents_finish_without_failure(self) -> None:
        """They act validly and reach the task's end; not every agent has to solve it."""
        failed = [played for played in self.all_played() if played.failure is not None]
        assert [played for played in failed if played.correct is None or played.failure in BROKEN_OFF] == []

    def test_best_agent_is_better_than_chance_in_the_mean(self) -> None:
        """A scenario in which random actions do best measures nothing."""
        means = self._means("score")
        chance = means.pop("random")
        means.pop("constant", None)
        if not means:
            pytest.skip(f"{self.scenario} has no agent that looks")
        best = max(means.values()) if self._higher_is_better() else min(means.values())
        assert self._at_most(chance, best)

    def test_best_agent_earns_more_than_chance(self) -> None:
        """A learner follows the rewards, so they must point the same way as the score."""
        scores, earned = self._means("score"), self._means("earned")
        best = (max if self._higher_is_better() else min)(scores, key=lambda agent: scores[agent])
        if self._at_most(scores[best], scores["random"]):
            return
        assert earned[best] > earned["random"], f"{best} scores better than random and earns less: are rewards negated?"

    def _means(self, of: str) -> dict[str, float]:
        """The mean of a field of `Played` by agent."""
        values: dict[str, list[float]] = {}
        for played in self.all_played():
            values.setdefault(played.agent, []).append(getattr(played, of))
        return {agent: float(np.mean(found)) for agent, found in values.items()}

    def test_expert_beats_the_best_constant_answer(self) -> None:
        """On full-length episodes, by a paired interval that excludes zero: deciding pays."""
        arguments = {**self.preset_arguments(), **self.parameters}
        environment = infraray.make(self.scenario, **arguments)
        expert, constant = environment.best_agent(), registered_agents(self.registration().name).get("constant")
        if expert is None or environment.measured:
            return
        if constant is None:
            assert environment.without_constant, "an agent `constant` is missing; infraray.BestConstant makes one"
            return
        scores = {
            name: np.array([self._score(environment, load_agent(name, self.scenario), seed) for seed in SEEDS])
            for name in (expert, "scripted:constant")
        }
        gains = scores[expert] - scores["scripted:constant"]
        mean = float(gains.mean()) * (1 if self._higher_is_better() else -1)
        half_width = t_quantile(0.975, len(gains) - 1) * float(gains.std(ddof=1)) / math.sqrt(len(gains))
        assert mean > half_width, f"{expert} gains {mean:.4g} +- {half_width:.4g} over the best constant answer"

    @staticmethod
    def _score(environment: Environment, agent: Agent, seed: int) -> float:
        observation, _ = environment.reset(seed=seed)
        agent.reset(Briefing.of(environment, seed))
        over = False
        while not over:
            observation, _, terminated, truncated, _ = environment.step(agent.act(observation))
            over = terminated or truncated
        return environment.verdict().score

    def test_fixed_floor_is_no_better_than_the_bound(self) -> None:
        """Only for a scenario that sets its own floor."""
        environment = self.make(text=not self.make().layout.size)
        play(environment, Draws(environment, 0), self.seeds[0])
        floor = environment.floor()
        assert floor is None or self._at_most(floor, environment.bound())

    def test_step_limit_truncates_and_score_and_bound_cover_the_prefix(self) -> None:
        """Every agent against the bound of the part that was played, at half an episode."""
        whole = self.drawn(self.seeds[0], 0)
        if len(whole) == 2:
            return  # a task that ends with its first step cannot be cut off
        limit = len(whole) // 2
        limited = self.make(max_episode_steps=limit)
        prefix = play(limited, Draws(limited, 0), self.seeds[0])
        assert len(prefix) == limit + 1
        assert prefix[:-1] == whole[:limit]
        assert prefix[-1][2:4] == [False, True]
        assert limited.verdict().failure == "step_limit"
        for played in self._play_all(self.seeds[:1], limit):
            assert self._at_most(played.score, played.bound), played

    def test_verdict_after_a_single_step_does_not_fail(self) -> None:
        """Not even during the warm-up, when nothing has been scored yet."""
        environment = self.make(max_episode_steps=1)
        play(environment, Draws(environment, 0), self.seeds[0])
        assert isinstance(environment.verdict().score, float)
        assert isinstance(environment.bound(), float)

    @classmethod
    def _play_all(cls, seeds: range, limit: int | None = None) -> list[Played]:
        environment = cls.make(max_episode_steps=limit)
        bounds: dict[tuple[int, int], float] = {}
        episodes = []
        for name in registered_agents(cls.registration().name):
            agent = load_agent(f"scripted:{name}", cls.scenario)
            for seed in seeds:
                steps = play_agent(environment, agent, seed)
                earned = math.fsum(reward for _, reward, *_ in steps[1:])
                verdict = environment.verdict()
                bound = cls._bound(environment, seed, bounds)
                episodes.append(Played(name, seed, verdict.score, bound, verdict.failure, verdict.correct, earned))
        return episodes

    @staticmethod
    def _bound(environment: Environment, seed: int, known: dict[tuple[int, int], float]) -> float:
        """The bound of the task's steps so far, computed once because it may be costly."""
        key = seed, environment.progress()
        if key not in known:
            known[key] = environment.bound()
        return known[key]

    @classmethod
    def _higher_is_better(cls) -> bool:
        return cls.registration().environment_class().score.higher_is_better

    def _at_most(self, worse: float, better: float) -> bool:
        return at_most(self.registration().environment_class().score, worse, better)
