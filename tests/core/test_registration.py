"""Scenarios are found by id or name; what is not found is answered with what is near."""

import subprocess
import sys

import gymnasium
import numpy as np
import pytest

import infraray
from infraray.errors import InfrarayError, UnknownName
from infraray.registration import find, registrations
from tests.core.toy import Lamp


@pytest.mark.parametrize("name", ["load_balance", "load_balance-v0", "infraray/LoadBalance-v0"])
def test_scenario_has_three_names(name):
    assert find(name).id == "infraray/LoadBalance-v0"


@pytest.mark.parametrize("name", ["load_balanc", "loadbalance", "load_balancer"])
def test_misspelt_scenario_is_answered_with_the_nearest(name):
    with pytest.raises(UnknownName, match="did you mean load_balance") as caught:
        infraray.make(name)
    assert "\n" not in str(caught.value)


def test_unknown_scenario_is_answered_with_all_there_are():
    with pytest.raises(UnknownName, match=r"known are .*load_balance"):
        infraray.make("zzz")


@pytest.mark.parametrize("name", [None, 3, ["load_balance"]])
def test_scenario_must_be_named_by_text(name):
    with pytest.raises(UnknownName, match="must be a name"):
        infraray.make(name)


@pytest.mark.parametrize("id", ["Lamp", "tests/Lamp", "tests/Lamp-vx", "/Lamp-v0", "a/b/Lamp-v0", ""])
def test_id_must_have_a_namespace_and_a_version(id):
    with pytest.raises(InfrarayError, match="must look like"):
        infraray.register(id, name="lamp", entry_point=Lamp)


def test_registering_the_same_class_again_replaces_it():
    def edited():
        class Brighter(Lamp):
            pass

        return Brighter

    classes = edited(), edited()
    for entry_point in classes:
        infraray.register("tests/Lamp-v0", name="lamp", entry_point=entry_point)
    assert type(infraray.make("lamp")) is classes[1]
    assert type(gymnasium.make("tests/Lamp-v0").unwrapped) is classes[1]
    assert len([found for found in registrations() if found.name == "lamp"]) == 1


def test_bare_name_is_the_newest_version():
    for version in (2, 10, 9):
        infraray.register(f"tests/Lamp-v{version}", name="lamp", entry_point=Lamp)
    assert find("lamp").version == 10
    assert find("lamp-v9").version == 9


def test_made_environment_knows_how_it_was_made():
    environment = infraray.make("load_balance", num_servers=3, text=False)
    again = gymnasium.make(environment.spec).unwrapped
    assert again.parameters == environment.parameters and again.text is False


def test_scenario_without_a_vector_environment_says_so():
    infraray.register("tests/Lamp-v0", name="lamp", entry_point=Lamp)
    with pytest.raises(InfrarayError, match=r"has no vector environment; use infraray\.make"):
        infraray.make_vector("lamp", 4)


@pytest.mark.parametrize("count", [0, -1, 1.5, 4.0, "4", True, None, np.float64(4), np.True_])
def test_number_of_tasks_must_be_whole_and_positive(count):
    with pytest.raises(InfrarayError, match="num_envs"):
        infraray.make_vector("load_balance", count)


@pytest.mark.parametrize("option", ["text", "invalid_action", "max_episode_steps", "autoreset_mode"])
def test_vector_environment_refuses_options_that_it_cannot_keep(option):
    with pytest.raises(InfrarayError, match=option):
        infraray.make_vector("load_balance", 4, **{option: None})


def test_package_itself_needs_no_pytest():
    code = "import sys, infraray, infraray.cli; assert 'pytest' not in sys.modules and 'hypothesis' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
