"""Tests that an observation reveals the state, but neither the seed nor the future."""

from __future__ import annotations

import itertools
from functools import partial
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces

from infraray.testing.case import ScenarioCase
from infraray.testing.playing import Draws, Steps, play

UNLIKELY_SEEDS = (987_654_321, 876_543_219, 765_432_198)
"""Seeds that no observation contains by chance."""

CUTS = (0.5, 0.6, 0.7, 0.8)
"""Shares of an episode after which its randomness is changed."""

FEWEST_STEPS = 8
"""The least number of steps of an episode in which lookahead can be detected."""

DRAWS = (
    "random standard_normal normal uniform integers choice exponential poisson gamma lognormal pareto geometric zipf "
    "weibull beta binomial triangular standard_exponential standard_gamma"
).split()
"""Methods of `numpy.random.Generator` that draw values one after the other."""


class InformationConformance(ScenarioCase):
    """An agent learns exactly what it is meant to know, from words as well as from numbers."""

    def test_words_tell_of_the_state(self) -> None:
        """The text changes with the task and its steps."""
        environment = self.make()
        texts, states = set(), set()
        for seed in self.seeds:
            for observation, *_ in self.drawn(seed, seed):
                texts.add(observation["text_observation"])
                states.add(str(observation.get("numeric_observation")))
        assert len(texts) > 1, "text_observation is the same at every step of every task"
        assert not environment.layout.size or 2 * len(texts) >= len(states), (
            f"{len(states)} different states are described by {len(texts)} different texts"
        )

    def test_observations_do_not_hold_the_seed(self) -> None:
        """With the seed, an agent could know the task by heart."""
        environment = self.make()
        holding = []
        for seed in UNLIKELY_SEEDS:
            steps = play(environment, Draws(environment, 0), seed)
            numbers = {number for observation, *_ in steps for number in observation.get("numeric_observation", ())}
            written = " ".join(str(observation[name]) for observation, *_ in steps for name in sorted(observation))
            holding.append(seed in numbers or str(seed) in written or f"{seed:x}" in written)
        assert not all(holding), f"the observation contains the seed: {UNLIKELY_SEEDS[0]}"

    def test_observations_do_not_show_the_future(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Two tasks that differ from some step on look the same until then.

        The second task's generators draw different values for the last part of the episode. Their step is where they
        first change a reward; an observation that differs more than `Environment.lookahead` steps earlier reveals the
        future.
        """
        early = []
        discrete = isinstance(self.make().action_space, spaces.Discrete)
        for seed, constant in itertools.product(self.seeds, (None, 0, -1) if discrete else (None,)):
            whole = self.drawn(seed, seed) if constant is None else self._play(seed, constant)
            if len(whole) <= FEWEST_STEPS:
                continue
            for cut in CUTS:
                with monkeypatch.context() as patched:
                    altered = partial(Altered, np.random.default_rng, cut, len(whole) - 1)
                    patched.setattr(np.random, "default_rng", altered)
                    other = self._play(seed, constant)
                seen = _first_difference([step[0] for step in whole], [step[0] for step in other])
                paid = _first_difference([step[1] for step in whole[1:]], [step[1] for step in other[1:]])
                if seen is not None and paid is not None:
                    early.append(paid - seen + 1)
        # One task whose rewards happen to react late proves nothing, so all must.
        allowed = self.registration().environment_class().lookahead
        assert not early or min(early) <= allowed, (
            f"observations reveal what is drawn for a step {min(early)} ahead of those that were played; if "
            f"that is intended, set lookahead = {min(early)} in the environment's class"
        )

    def _play(self, seed: int, constant: int | None) -> Steps:
        """Plays drawn actions, or always the first or the last one: rewards react to chance at the extremes first."""
        environment = self.make()
        if constant is None:
            return play(environment, Draws(environment, seed), seed)
        space = environment.action_space
        assert isinstance(space, spaces.Discrete)
        return play(environment, lambda observation: constant % int(space.n), seed)


class Altered:
    """A generator whose long draws end differently.

    Args:
        real: `numpy.random.default_rng`.
        cut: share of a draw that stays unchanged.
        steps: steps of the episode. Draws of about that length have one value per step and are altered; others
            describe what exists from the start, such as servers or a catalogue, and stay unchanged.
        seed: the generator's seed.
    """

    def __init__(self, real: Any, cut: float, steps: int, seed: Any = None) -> None:
        self._generator, self._other = real(seed), real([*np.atleast_1d(seed if seed is not None else 0), 0xA17E])
        self._cut, self._steps = cut, steps

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._generator, name)
        if name not in DRAWS:
            return real

        def draw(*arguments: Any, **named: Any) -> Any:
            values = real(*arguments, **named)
            others = getattr(self._other, name)(*arguments, **named)
            if isinstance(values, np.ndarray) and self._steps <= len(values) <= 1.25 * self._steps + 2:
                kept = int(self._cut * self._steps)
                values[kept:] = others[kept:]
            return values

        return draw


def _first_difference(one: list[Any], other: list[Any]) -> int | None:
    """The first index at which two lists differ, None if their common part is equal."""
    return next((place for place, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), None)
