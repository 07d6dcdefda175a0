"""A reward is one function of a user's, found by its name, whose code belongs to the episodes' identity."""

import pytest

import infraray
from infraray.errors import InfrarayError
from infraray.scenarios.routing.conduct import Conduct, Deed
from infraray.scenarios.routing.rewards import register_reward, rewards


def fixes(deed: Deed, conduct: Conduct, broken_before: int, nearer: bool) -> float:
    return float(deed.kind == "fix")


def test_a_reward_of_ones_own_is_found_and_counted() -> None:
    register_reward("fixes", fixes)
    environment = infraray.make("routing", reward="fixes")
    assert fixes in environment.parts()
    assert rewards["paper"] not in environment.parts() and rewards["shaped"] in infraray.make("routing").parts()


def test_a_reward_that_nobody_has_is_one_line() -> None:
    with pytest.raises(InfrarayError, match=r"^routing: reward='papper': no such reward; did you mean paper\?$"):
        infraray.make("routing", reward="papper")


def test_a_built_in_reward_is_not_replaced() -> None:
    with pytest.raises(InfrarayError, match=r"^reward of routing paper is registered already, by "):
        register_reward("paper", fixes)
