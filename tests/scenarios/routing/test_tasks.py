"""From a seed to a broken network: equal for equal seeds, proven, and without duplicates where that is asked for."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import numpy as np
import pytest

from infraray.emulators.network.supply import NetworkSupply
from infraray.errors import InfrarayError
from infraray.scenarios.routing.levels import LEVELS
from infraray.scenarios.routing.parameters import RoutingParameters
from infraray.scenarios.routing.tasks import make_task
from infraray.scenarios.routing.validation import Symptom, repair
from infraray.scenarios.routing.workbench import BrokenNetwork
from tests.emulators.live import needs_networks

pytestmark = needs_networks


@pytest.fixture(scope="module")
def supply() -> Iterator[NetworkSupply]:
    networks = NetworkSupply(RoutingParameters().shape)
    yield networks
    networks.close()


def made(supply: NetworkSupply, level: int, seed: int, **parameters: Any) -> BrokenNetwork:
    """A task whose network was closed again."""
    task = make_task(supply, RoutingParameters(**parameters), level, seed)
    task.network.close()
    return task


@pytest.mark.parametrize("level", LEVELS)
def test_equal_seeds_give_equal_tasks(supply: NetworkSupply, level: int) -> None:
    one, other = made(supply, level, 7), made(supply, level, 7)
    assert one.faults == other.faults
    assert np.array_equal(one.reaches, other.reaches)
    assert one.symptom == other.symptom
    assert made(supply, level, 8).faults != one.faults


@pytest.mark.parametrize("level", LEVELS)
def test_tasks_have_the_families_of_their_level_and_fail_pings(supply: NetworkSupply, level: int) -> None:
    for seed in range(4):
        task = made(supply, level, seed)
        assert {fault.family for fault in task.faults} in [set(families) for families in LEVELS[level]]
        assert not task.reaches.all()


def test_task_is_handed_out_broken_and_its_repair_makes_it_what_it_was(supply: NetworkSupply) -> None:
    for level in LEVELS:
        task = make_task(supply, RoutingParameters(), level, 3)
        with closing(task.network) as network:
            assert np.array_equal(network.pingmesh(), task.reaches)
            assert network.snapshot() != task.healthy
            repair(network, task.faults)
            assert network.pingmesh().all()
            assert network.snapshot() == task.healthy


def test_each_fault_of_a_pair_is_missed_by_the_repair_of_the_other(supply: NetworkSupply) -> None:
    for level, seed in [(2, 0), (2, 1), (3, 0), (3, 1)]:
        for missed in range(2):
            task = make_task(supply, RoutingParameters(), level, seed)
            with closing(task.network) as network:
                repair(network, [fault for position, fault in enumerate(task.faults) if position != missed])
                assert not network.pingmesh().all()


def test_duplicates_by_symptom_can_be_excluded(supply: NetworkSupply) -> None:
    as_drawn = [made(supply, 1, seed) for seed in range(8)]
    assert len({task.symptom for task in as_drawn}) < 8
    distinct = [made(supply, 1, seed, distinct=4) for seed in range(8)]
    for first in (0, 4):
        assert len({task.symptom for task in distinct[first : first + 4]}) == 4
    assert sum(task.refused for task in distinct) > sum(task.refused for task in as_drawn)


def test_more_distinct_symptoms_than_there_are_is_told() -> None:
    smallest = RoutingParameters(num_subnets=2, hosts_per_subnet=1, distinct=1000)
    with closing(NetworkSupply(smallest.shape)) as supply:
        with pytest.raises(InfrarayError, match=r"distinct=1000: seed [0-9]+ draws no symptom"):
            make_task(supply, smallest, 1, 999)


def test_symptoms_are_named_alike_everywhere() -> None:
    reaches = np.eye(3, dtype=np.bool_)
    assert Symptom(("remove_ip",), tuple(map(tuple, reaches.tolist()))).name == "ec6911198b1a"
