"""Step-wise credit, compared with an example that was computed by hand, and where it must change nothing."""

import random

import numpy as np
import pytest

from infraray.observation import Observation
from infraray.training.played import Played, PlayedStep
from infraray.training.rewards import parts_of, reward_of
from infraray.training.sequences import Lengths, TokenTurn, sequences_of
from infraray.training.step_credit import EpisodeSteps, returns_from, shared_share, state_of, step_advantages
from tests.training.test_exploits import played as verdict

GROUP = [
    EpisodeSteps(["start", "left", "end"], [0.0, 0.0, 1.0]),
    EpisodeSteps(["start", "left", "start"], [0.0, 0.0, 0.0]),
    EpisodeSteps(["start", "right"], [0.0, 0.5]),
]


def test_an_example_by_hand():
    """Discount 1/2. Returns: 1/4, 1/2, 1; then 0, 0, 0; then 1/4, 1/2.

    In "start": 1/4, 0, 0, 1/4, mean 1/8. In "left": 1/2 and 0, mean 1/4. "end" and "right" stand alone.
    """
    found = step_advantages(GROUP, 0.5, by_deviation=False)
    assert found == [[0.125, 0.25, 0.0], [-0.125, -0.25, -0.125], [0.125, 0.0]]
    # Sample deviations: sqrt(4/64/3) and sqrt(2/16).
    start, left = 0.125 / (1 / 48) ** 0.5, 0.25 / 0.125**0.5
    expected = [start, left, 0.0, -start, -left, -start, start, 0.0]
    assert np.concatenate(step_advantages(GROUP, 0.5)) == pytest.approx(expected, rel=1e-4)
    assert shared_share(GROUP) == (6, 8)


def test_states_that_nobody_shares_leave_the_episodes_advantage_alone():
    alone = [EpisodeSteps([f"{episode}-{step}" for step in range(4)], [1.0 * episode] * 4) for episode in range(5)]
    assert step_advantages(alone, 0.95) == [[0.0] * 4] * 5
    assert shared_share(alone) == (0, 20)


@pytest.mark.parametrize("group", [[], [EpisodeSteps([], [])], [EpisodeSteps([], []), EpisodeSteps(["a"], [1.0])]])
def test_nothing_to_compare(group):
    assert step_advantages(group, 0.95) == [[0.0] * len(episode.states) for episode in group]


def test_steps_that_earn_the_same_have_no_advantage():
    equal = [EpisodeSteps(["a", "b"], [0.1, 0.7])] * 3
    assert np.abs(step_advantages(equal, 0.95)).max() < 1e-6


@pytest.mark.parametrize("seed", range(20))
def test_the_steps_of_a_state_are_compared_with_each_other_alone(seed):
    """Their advantages add up to 0, and do not change with what others earn or how much all rewards are worth."""
    dice = random.Random(seed)
    lengths = [dice.randrange(9) for _ in range(6)]
    group = [
        EpisodeSteps(dice.choices("abcdefgh", k=length), [dice.gauss(0, 1) for _ in range(length)])
        for length in lengths
    ]
    found = step_advantages(group, 0.9)
    for state in "abcdefgh":
        there = [
            advantage
            for episode, advantages in zip(group, found, strict=True)
            for name, advantage in zip(episode.states, advantages, strict=True)
            if name == state
        ]
        assert sum(there) == pytest.approx(0.0, abs=1e-9)
        assert len(there) < 2 or np.std(there, ddof=1) == pytest.approx(1.0, abs=1e-2)
    larger = [EpisodeSteps(episode.states, [100 * reward for reward in episode.rewards]) for episode in group]
    assert np.concatenate(step_advantages(larger, 0.9)) == pytest.approx(np.concatenate(found), rel=1e-2, abs=1e-6)
    stranger = EpisodeSteps(["z"], [1e6])
    assert step_advantages([*group, stranger], 0.9)[:-1] == found


def test_what_is_earned_later_is_worth_less():
    assert returns_from([0.0, 0.0, 8.0], 0.5) == [2.0, 4.0, 8.0]
    assert returns_from([1.0, 2.0], 1.0) == [3.0, 2.0]
    assert returns_from([1.0, 2.0], 0.0) == [1.0, 2.0]


def test_a_state_is_told_by_its_numbers_else_by_its_text():
    def seen(text: str, *numbers: float) -> str:
        entries = {"numeric_observation": np.array(numbers)} if numbers else {}
        return state_of(Observation(text_observation=text, **entries))

    assert seen("after ls", 1.0, 2.0) == seen("after ip route", 1.0, 2.0) != seen("after ls", 1.0, 3.0)
    assert seen("one") == seen("one") != seen("other")


@pytest.mark.parametrize("name", ["normalized", "shaped", "seed"])
@pytest.mark.parametrize("ending", ["task", "steps", "tokens"])
def test_what_steps_earn_adds_up_to_the_reward(name, ending):
    dice = random.Random(f"{name} {ending}")
    for _ in range(30):
        steps = [
            PlayedStep(dice.gauss(0, 3), dice.random() < 0.7, dice.choice([True, False, None]))
            for _ in range(dice.randint(1, 9))
        ]
        found = Played(steps, 12, 5, ending, verdict(dice.gauss(0, 1), ending).measures, 0.0, 1.0, worst_step=-4.0)
        parts = parts_of(found, name, 0.5)
        assert len(parts) == len(steps)
        assert sum(parts) == pytest.approx(reward_of(found, name, 0.5))


def test_an_episode_without_a_step_has_nothing_to_credit():
    for name in ("normalized", "shaped", "seed"):
        assert parts_of(verdict(0.5, "tokens", steps=0), name) == []


def test_tokens_know_the_step_that_they_were_generated_in():
    """Two answers in one step, one in the next; what was told is of none."""
    turns = [
        TokenTurn([1, 2], [3, 4], step=0),
        TokenTurn([1, 2, 3, 4, 5], [6], step=0),
        TokenTurn([1, 2, 3, 4, 5, 6, 7, 7], [8, 9], step=1),
        TokenTurn([2, 7], [9], step=2),
    ]
    first, second = sequences_of(turns, Lengths(10, 10))
    assert first.token_steps == [0, 0, -1, 0, -1, -1, 1, 1]
    assert second.token_steps == [2]
