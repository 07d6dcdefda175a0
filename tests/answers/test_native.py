"""What a program gives for an action is read as what it is, or raises; nothing of it is played as something else."""

import numpy as np
import pytest

import infraray
from infraray.errors import InfrarayError, InvalidAction

LIKE_TWO = [
    2,
    2.0,
    np.int8(2),
    np.uint64(2),
    np.float32(2),
    np.array(2),
    np.array([2]),
    np.array([[2]], np.int16),
    np.array(2.0),
    np.array([2.0], np.float32),
]

NO_NUMBERS = [np.array(value) for value in ([2, 3], [], 1.5, [np.nan], True, ["2"], None)]


class Tensor:
    """What libraries of tensors have in common: a value on a device, with a gradient."""

    def __init__(self, value, at_home=False):
        self.value, self.at_home = value, at_home

    def __repr__(self):
        return f"Tensor({self.value!r})"  # the same in every process that collects these tests

    def detach(self):
        return self

    def cpu(self):
        return Tensor(self.value, at_home=True)

    def __array__(self, dtype=None, copy=None):
        if not self.at_home:
            raise TypeError("cannot be converted; copy it to the host first")
        return np.array(self.value)


@pytest.mark.parametrize("text", [True, False])
@pytest.mark.parametrize("given", [*LIKE_TWO, Tensor(2), Tensor([2]), Tensor(2.0)], ids=repr)
@pytest.mark.parametrize("scenario", ["load_balance", "abr", "caching"])
def test_a_number_in_any_form_is_that_number(scenario, given, text):
    environment = infraray.make(scenario, text=text)
    environment.reset(seed=1)
    *_, info = environment.step(given)
    assert info["valid"] and info["action"] == 2 and type(info["action"]) is int


@pytest.mark.parametrize("policy", ["retry", "default", "penalty", "end"])
@pytest.mark.parametrize("given", [*NO_NUMBERS, Tensor([1, 2]), Tensor(0.5)], ids=repr)
def test_an_array_that_is_no_number_raises_and_nothing_is_played(given, policy):
    environment = infraray.make("load_balance", text=False, invalid_action=policy, max_episode_steps=1)
    environment.reset(seed=1)
    with pytest.raises(InfrarayError, match="give one whole number"):
        environment.step(given)
    assert environment.played == 0
    *_, truncated, info = environment.step(2)
    assert info["valid"] and truncated


@pytest.mark.parametrize("given", [True, False, np.True_, 1.5, np.float64(0.5), np.nan, None, b"2", [2]], ids=repr)
def test_what_only_resembles_a_number_is_an_invalid_action(given):
    environment = infraray.make("load_balance")
    environment.reset(seed=1)
    with pytest.raises(InvalidAction, match="not a whole number from 0 to 4"):
        environment.check_action(given)


def test_numbers_within_a_dict_are_read_alike():
    environment = infraray.make("routing")
    for machine in (1, np.int64(1), np.array([1]), 1.0):
        assert environment.check_action({"machine": machine, "command": "true"}) == {"machine": 1, "command": "true"}
    with pytest.raises(InfrarayError):
        environment.check_action({"machine": np.array([1, 2]), "command": "true"})


@pytest.mark.parametrize("actions", [[2] * 3, (2, 2, 2), np.full(3, 2, np.uint8)], ids=repr)
def test_vector_takes_whole_numbers_in_a_row(actions):
    vector = infraray.make_vector("load_balance", 3)
    vector.reset(seed=1)
    expected = infraray.make_vector("load_balance", 3)
    expected.reset(seed=1)
    np.testing.assert_array_equal(vector.step(actions)[1], expected.step(np.full(3, 2))[1])


@pytest.mark.parametrize(
    "actions", [2, np.full(2, 2), np.full(3, 2.0), np.full((3, 1), 2), np.ones(3, bool), ["2"] * 3, None], ids=repr
)
def test_vector_refuses_everything_else(actions):
    vector = infraray.make_vector("load_balance", 3)
    vector.reset(seed=1)
    with pytest.raises(InfrarayError, match="3 whole numbers"):
        vector.step(actions)
