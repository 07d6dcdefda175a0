"""Observations are plain dicts for Gymnasium and have named numbers for agents."""

import copy
import pickle

import numpy as np
import pytest
from gymnasium.spaces import Box

import infraray
from infraray.observation import Observation


@pytest.fixture
def observation():
    environment = infraray.make("load_balance", num_servers=3)
    return environment.reset(seed=1)[0]


def test_fields_are_the_parts_of_the_vector_in_order(observation):
    parts = [observation.queue_lengths, observation.work_left, observation.service_rates, observation.job_size]
    assert [part.shape for part in parts] == [(3,), (3,), (3,), (1,)]
    assert np.array_equal(np.concatenate(parts), observation["numeric_observation"])


def test_unknown_field_is_answered_with_those_there_are(observation):
    with pytest.raises(AttributeError, match="no field queue_length; it shows queue_lengths, work_left"):
        _ = observation.queue_length


def test_field_that_is_not_shown_is_not_there():
    environment = infraray.make("load_balance", observe=["job_size"])
    observation, _ = environment.reset(seed=0)
    assert observation["numeric_observation"].shape == (1,)
    assert not hasattr(observation, "work_left")
    assert "work left" not in observation["text_observation"]


def test_observation_without_numbers_says_so():
    with pytest.raises(AttributeError, match="it shows nothing numeric"):
        _ = Observation(text_observation="hello").load


@pytest.mark.parametrize("scenario", ["load_balance", "abr", "caching"])
def test_text_off_leaves_a_vector_whose_parts_have_the_same_names(scenario):
    spoken, _ = infraray.make(scenario).reset(seed=3)
    environment = infraray.make(scenario, text=False)
    silent, _ = environment.reset(seed=3)
    assert isinstance(environment.observation_space, Box)
    assert silent.shape == environment.observation_space.shape and silent in environment.observation_space
    assert np.array_equal(silent, spoken["numeric_observation"])
    assert np.array_equal(silent["numeric_observation"], silent) and silent.get("text_observation") is None
    for observation in (silent, silent.copy(), pickle.loads(pickle.dumps(silent)), copy.deepcopy(silent)):
        for field in environment.layout.fields:
            assert np.array_equal(getattr(observation, field.name), getattr(spoken, field.name))
            assert type(getattr(observation, field.name)) is np.ndarray


def test_vectors_of_many_tasks_have_named_parts_too():
    vector = infraray.make_vector("load_balance", 3, num_servers=4)
    observation, _ = vector.reset(seed=3)
    assert observation.queue_lengths.shape == (3, 4) and observation.job_size.shape == (3, 1)
    assert np.array_equal(observation[1].work_left, observation.work_left[1])


def test_vector_names_nothing_that_it_does_not_hold():
    observation, _ = infraray.make("load_balance", text=False).reset(seed=0)
    with pytest.raises(AttributeError, match="no field queue_length; it shows queue_lengths, work_left"):
        _ = observation.queue_length
    with pytest.raises(AttributeError, match="it shows nothing numeric"):
        _ = observation[2:].queue_lengths


def test_layout_describes_every_part():
    described = infraray.make("load_balance").layout.describe()
    assert [part["name"] for part in described] == ["queue_lengths", "work_left", "service_rates", "job_size"]
    assert described[1]["unit"] == "work"
