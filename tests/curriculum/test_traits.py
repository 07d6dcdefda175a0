"""What scenarios tell of a seed is what its task turns out to be."""

import pytest

import infraray
from infraray.registration import find


@pytest.mark.parametrize("level", [1, 3, 4])
def test_capacity_planning_tells_the_kind_of_question(level):
    pytest.importorskip("networkx")
    from infraray.scenarios.capacity_planning.tasks import generate_task

    registration = find("capacity_planning")
    parameters = infraray.make("capacity_planning", preset="small").parameters
    topology = parameters.topology()
    for seed in range(20):
        told = registration.traits_of(parameters, level, seed)
        task = generate_task(topology, level, seed)
        assert task.label == (told["operation"] if level == 1 else f"{told['opening']}-{told['operation']}")
        assert told["held_out"] == task.held_out


def test_routing_tells_the_faults_of_its_first_draw():
    from infraray.emulators.network import features
    from infraray.scenarios.routing.faults import FAMILIES
    from infraray.scenarios.routing.levels import LEVELS, draw_faults
    from infraray.scenarios.routing.tasks import source

    registration = find("routing")
    parameters = infraray.make("routing").parameters
    for level, families in LEVELS.items():
        for seed in range(20):
            told = registration.traits_of(parameters, level, seed)
            there = [family for family in FAMILIES if told[family]]
            assert set(there) in [set(one) for one in families]
            drawn = draw_faults(parameters.site(seed), level, 0, features(), source(level, seed))
            assert [told[f"{fault.family}_variant"] for fault in drawn] == [fault.variant for fault in drawn]


def test_scenario_without_traits_tells_nothing():
    assert find("caching").traits_of(infraray.make("caching").parameters, 1, 0) == {}
