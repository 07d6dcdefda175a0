"""The vector environment against the single one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gymnasium import spaces

import infraray
from infraray.errors import InfrarayError
from infraray.testing.case import ScenarioCase
from infraray.testing.playing import Draws

TOLERANCE = 1e-9
"""Relative and absolute: sums may be taken in another order."""


class VectorConformance(ScenarioCase):
    """The vector environment plays what the single one plays; a scenario that has none says so."""

    def make_vector(self, **options: Any) -> Any:
        """The vector environment for all of ``seeds``; None where the scenario has none, which is checked."""
        if self.registration().vector_entry_point is None:
            with pytest.raises(InfrarayError, match="has no vector environment"):
                infraray.make_vector(self.scenario, len(self.seeds))
            return None
        return infraray.make_vector(self.scenario, len(self.seeds), **self.small_arguments(), **options)

    def test_vector_equals_single_step_for_step(self) -> None:
        """Observations, rewards, ends and scores, for every task until its own end."""
        vector = self.make_vector(reward_scale=2.0)
        if vector is None:
            return
        singles = [self.make(text=False, reward_scale=2.0) for _ in self.seeds]
        draws = [Draws(single, seed) for single, seed in zip(singles, self.seeds, strict=True)]
        together, _ = vector.reset(seed=list(self.seeds))
        for row, (single, seed) in enumerate(zip(singles, self.seeds, strict=True)):
            alone, _ = single.reset(seed=seed)
            assert_equal(together["numeric_observation"][row], alone["numeric_observation"])
        ended = np.zeros(len(singles), bool)
        while not ended.all():
            actions = np.array([draw() for draw in draws])
            together, rewards, terminations, truncations, info = vector.step(actions)
            assert not truncations.any()
            for row, single in enumerate(singles):
                if ended[row]:
                    assert terminations[row] and rewards[row] == 0.0
                    continue
                alone, reward, ended[row], _, _ = single.step(int(actions[row]))
                assert_equal(together["numeric_observation"][row], alone["numeric_observation"])
                assert_equal(rewards[row], reward)
                assert terminations[row] == ended[row]
        assert_equal(info["score"], [single.verdict().score for single in singles])

    def test_vector_can_be_reset_and_played_again(self) -> None:
        """With one number as seed, which stands for that one and the following."""
        vector = self.make_vector()
        if vector is None:
            return
        first, _ = vector.reset(seed=self.seeds[0])
        vector.step(np.zeros(len(self.seeds), np.int64))
        again, _ = vector.reset(seed=list(self.seeds))
        np.testing.assert_array_equal(first["numeric_observation"], again["numeric_observation"])
        other, _ = vector.reset()
        assert not np.array_equal(first["numeric_observation"], other["numeric_observation"])

    def test_vector_refuses_what_is_no_action(self) -> None:
        """One clear line in place of a wrong index."""
        vector = self.make_vector()
        if vector is None:
            return
        vector.reset(seed=0)
        count = len(self.seeds)
        refused: list[Any] = [np.zeros(count + 1, np.int64), np.zeros(count), np.full(count, -1), 0, None]
        refused += [np.zeros((count, 1), np.int64), np.zeros(count, bool), np.full(count, np.nan), ["0"] * count]
        if isinstance(vector.single_action_space, spaces.Discrete):
            refused.append(np.full(count, vector.single_action_space.n))
        for actions in refused:
            with pytest.raises(InfrarayError, match="actions"):
                vector.step(actions)


def assert_equal(actual: Any, expected: Any) -> None:
    """Numbers are the same up to `TOLERANCE`."""
    np.testing.assert_allclose(actual, expected, rtol=TOLERANCE, atol=TOLERANCE)
