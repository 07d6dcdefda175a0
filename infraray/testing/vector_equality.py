"""Tests of the vector environment against the single one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, SyncVectorEnv

import infraray
from infraray.errors import InfrarayError
from infraray.testing.case import ScenarioCase
from infraray.testing.playing import Draws

TOLERANCE = 1e-9
"""Relative and absolute: sums may be taken in a different order."""


MOST_STEPS = 2000


class VectorConformance(ScenarioCase):
    """The vector environment plays what the single one plays, unless the scenario declares that it has none."""

    def make_vector(self, **options: Any) -> Any:
        """The vector environment for all of ``seeds``; None if the scenario has none, which is checked."""
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
            assert_equal(together[row], alone)
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
                assert_equal(together[row], alone)
                assert_equal(rewards[row], reward)
                assert terminations[row] == ended[row]
        assert_equal(info["score"], [single.verdict().score for single in singles])

    @pytest.mark.parametrize("mode", list(AutoresetMode))
    def test_vector_starts_new_tasks_as_gymnasium_says(self, mode: AutoresetMode) -> None:
        """In each autoreset mode it does what Gymnasium's own vector environment of single ones does.

        Some rows are reset along the way, so that they are at different steps.
        """
        vector = self.make_vector(autoreset_mode=mode)
        if vector is None:
            return
        assert vector.metadata["autoreset_mode"] == mode
        count = len(self.seeds)
        singles = SyncVectorEnv([lambda: self.make(text=False)] * count, autoreset_mode=mode)
        random = np.random.default_rng(0)
        over = np.zeros(count, bool)
        assert_equal(vector.reset(seed=self.seeds[0])[0], singles.reset(seed=self.seeds[0])[0])
        ends = 0
        for step in range(MOST_STEPS):
            mask = random.random(count) < 0.2
            if (step in (5, 9) or (over.any() and mode == AutoresetMode.DISABLED)) and (mask | over).any():
                options = {"reset_mask": mask | over}
                assert_equal(vector.reset(options=options)[0], singles.reset(options=dict(options))[0])
            actions = random.integers(vector.single_action_space.n, size=count)
            for ours, expected in zip(vector.step(actions)[:4], (taken := singles.step(actions))[:4], strict=True):
                assert_equal(ours, expected)
            over = taken[2]
            ends += int(over.sum())
            if ends > 3 * count:
                break
        assert ends

    def test_vector_shows_how_tasks_ended_in_whose_place_others_came(self) -> None:
        """Observation and score, where the next task starts in the same step."""
        vector, disabled = self.make_vector(autoreset_mode="SameStep"), self.make_vector()
        if vector is None:
            return
        vector.reset(seed=list(self.seeds))
        disabled.reset(seed=list(self.seeds))
        actions = np.zeros(len(self.seeds), np.int64)
        info: dict[str, Any] = {}
        while not info:
            *_, info = vector.step(actions)
            expected, _, ended, _, _ = disabled.step(actions)
        assert_equal(info["_final_obs"], ended)
        for row in np.flatnonzero(ended):
            assert_equal(info["final_obs"][row], expected[row])
        assert_equal(np.isfinite(info["final_info"]["score"]), ended)

    def test_vector_can_be_reset_and_played_again(self) -> None:
        """With a single seed, which stands for itself and the following ones."""
        vector = self.make_vector()
        if vector is None:
            return
        first, _ = vector.reset(seed=self.seeds[0])
        vector.step(np.zeros(len(self.seeds), np.int64))
        again, _ = vector.reset(seed=list(self.seeds))
        np.testing.assert_array_equal(first, again)
        other, _ = vector.reset()
        assert not np.array_equal(first, other)

    def test_vector_refuses_what_is_no_action(self) -> None:
        """With one clear line instead of a wrong index."""
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
    """Asserts that numbers agree up to `TOLERANCE`."""
    np.testing.assert_allclose(actual, expected, rtol=TOLERANCE, atol=TOLERANCE)
