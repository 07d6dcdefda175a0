"""Gymnasium's ways to make, reset and step environments, which learning libraries go."""

import copy
import pickle
import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box
from gymnasium.vector import AutoresetMode

import infraray
from infraray.errors import InfrarayError

SIMULATED = ["infraray/LoadBalance-v0", "infraray/AdaptiveBitrate-v0", "infraray/Caching-v0"]
NO_SEEDS = [
    True,
    np.True_,
    1.0,
    np.float64(3),
    -1,
    "3",
    [1.0, 2.0],
    [True, False],
    [1],
    [1, 2, 3],
    [[1, 2]],
    np.array(1.5),
]


def makers(scenario):
    return [
        lambda **arguments: gymnasium.make(scenario, **arguments),
        lambda **arguments: infraray.make(scenario, **arguments),
        lambda **arguments: gymnasium.make_vec(scenario, 2, **arguments),
        lambda **arguments: gymnasium.make_vec(scenario, 2, vectorization_mode="sync", **arguments),
        lambda **arguments: infraray.make_vector(scenario, 2, **arguments),
    ]


@pytest.mark.parametrize("maker", range(5))
@pytest.mark.parametrize("keyword", ["num_server", "from_pixels", "frame_skip", "x"])
@pytest.mark.parametrize("scenario", SIMULATED)
def test_unknown_keyword_is_a_type_error_in_pythons_words(scenario, keyword, maker):
    with pytest.raises(TypeError, match=f"got an unexpected keyword argument '{keyword}'") as caught:
        makers(scenario)[maker](**{keyword: 1})
    assert isinstance(caught.value, InfrarayError)


@pytest.mark.parametrize("mode", ["rgb_array", "human", "rgb_array_list"])
def test_mode_that_cannot_be_rendered_plays_and_shows_nothing(mode):
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("always")
        environment = gymnasium.make("infraray/LoadBalance-v0", render_mode=mode)
    environment.reset(seed=1)
    environment.step(0)
    with pytest.warns(UserWarning, match=f"render_mode='{mode}' shows nothing; give 'ansi'"):
        assert environment.unwrapped.render() is None


@pytest.mark.parametrize("options", [{"reset_mask": np.ones(2, bool)}, {"level": 2}, {"seed": 3}])
@pytest.mark.parametrize("scenario", SIMULATED)
def test_single_environment_refuses_options_of_a_reset(scenario, options):
    environment = infraray.make(scenario)
    with pytest.raises(InfrarayError, match=f"options=.*{next(iter(options))}.*reset\\(\\) has no options"):
        environment.reset(seed=1, options=options)
    environment.reset(seed=1, options={})


@pytest.mark.parametrize(
    ("options", "fix"),
    [
        ({"level": 2}, "unknown level; only reset_mask is known"),
        ({"reset_mask": np.ones(2, bool), "seed": 1}, "unknown seed"),
        ({"reset_mask": np.zeros(2, bool)}, "not all false"),
        ({"reset_mask": np.ones(3, bool)}, "an array of 2 truth values"),
        ({"reset_mask": np.ones(2, int)}, "an array of 2 truth values"),
        ({"reset_mask": None}, "an array of 2 truth values"),
        ({"reset_mask": np.array([True, False])}, "reset all of them first"),
    ],
)
def test_vector_environment_refuses_other_options_of_a_reset(options, fix):
    with pytest.raises(InfrarayError, match=fix):
        infraray.make_vector("load_balance", 2).reset(seed=1, options=options)


@pytest.mark.parametrize("seed", NO_SEEDS, ids=repr)
def test_what_is_no_seed_is_refused(seed):
    with pytest.raises(InfrarayError, match="seed"):
        infraray.make_vector("load_balance", 2).reset(seed=seed)
    with pytest.raises(InfrarayError, match="seed"):
        infraray.make("load_balance").reset(seed=seed)


@pytest.mark.parametrize("number", [np.int8, np.uint16, np.int64, np.uint64])
def test_numpy_integers_are_seeds_and_counts(number):
    single, vector = infraray.make("load_balance", text=False), infraray.make_vector("load_balance", number(2))
    alone, _ = single.reset(seed=number(7))
    assert single.task.seed == 7 and type(single.task.seed) is int
    for seed in (number(7), [number(7), number(8)], np.array([7, 8], number)):
        assert np.array_equal(vector.reset(seed=seed)[0][0], alone)
        assert vector.seeds == [7, 8] and {type(value) for value in vector.seeds} == {int}
    counted = infraray.make(
        "load_balance", num_servers=number(3), level=number(1), max_episode_steps=number(2), service_rates=None
    )
    plain = infraray.make("load_balance", num_servers=3, level=1, max_episode_steps=2)
    assert counted.parameters == plain.parameters and counted.options() == plain.options()
    rates = infraray.make("load_balance", service_rates=np.array([1, 2], number)).parameters.service_rates
    assert rates == (1.0, 2.0)


@pytest.mark.parametrize("value", [3.5, True, np.True_, np.float64(2.5)])
def test_floats_and_truth_values_are_no_counts(value):
    for name in ("num_servers", "max_episode_steps", "level"):
        with pytest.raises(InfrarayError, match=name):
            infraray.make("load_balance", **{name: value})


@pytest.mark.parametrize("vectorization", ["vector_entry_point", "sync"])
@pytest.mark.parametrize("scenario", SIMULATED)
def test_trainers_play_on_past_the_end_of_an_episode(scenario, vectorization):
    vector = gymnasium.make_vec(scenario, 3, vectorization_mode=vectorization, text=False)
    assert isinstance(vector.single_observation_space, Box) and isinstance(vector.observation_space, Box)
    assert vector.metadata["autoreset_mode"] == AutoresetMode.NEXT_STEP
    vector.reset(seed=5)
    vector.action_space.seed(5)
    ends = np.zeros(3, int)
    while ends.min() < 2:
        observation, _, terminations, truncations, _ = vector.step(vector.action_space.sample())
        assert observation in vector.observation_space and not truncations.any()
        ends += terminations


def test_row_that_is_reset_gets_the_given_seed_and_the_others_go_on():
    vector, alone = infraray.make_vector("load_balance", 3), infraray.make("load_balance", text=False)
    vector.reset(seed=[10, 20, 30])
    for _ in range(7):
        before, *_ = vector.step(np.zeros(3, int))
    mask = np.array([False, True, False])
    after, _ = vector.reset(seed=[None, 99, None], options={"reset_mask": mask})
    assert vector.seeds == [10, 99, 30]
    assert np.array_equal(after[1], alone.reset(seed=99)[0])
    assert np.array_equal(after[~mask], before[~mask])


def test_infos_of_valid_and_invalid_actions_can_be_batched():
    vector = gymnasium.make_vec("infraray/LoadBalance-v0", 3, vectorization_mode="sync")
    vector.reset(seed=1)
    _, _, _, _, infos = vector.step(np.array([1, 99, 2]))
    assert infos["valid"].tolist() == [True, False, True] and "action" not in infos


def test_info_tells_the_action_as_it_was_understood():
    environment = infraray.make("load_balance")
    environment.reset(seed=1)
    *_, info = environment.step('{"server": 3}')
    for kept in (info, pickle.loads(pickle.dumps(info)), copy.copy(info)):
        assert kept["action"] == 3 and dict(kept) == {"valid": True}
    assert environment.step("nothing")[-1]["action"] is None
    with pytest.raises(KeyError, match="acton"):
        info["acton"]


SETTINGS = [
    ("load_balance", {"job_sizes": sizes, "utilisation": load, "num_servers": servers})
    for sizes in ("pareto", "lognormal", "exponential")
    for load, servers in ((0.3, 10), (2.0, 1))
]
SETTINGS += [("caching", {"sizes": sizes, "capacity_bytes": 2**17}) for sizes in ("lognormal", "pareto", "equal")]
SETTINGS += [("caching", {"preset": "recorded"})]
SETTINGS += [
    ("abr", {"throughput": link, "delay_noise": noise, "size_variation": variation})
    for link in ("markov", "step", "dropout", "cellular")
    for noise, variation in ((0.0, 0.2), (0.5, 1.0))
]


@pytest.mark.parametrize(("scenario", "parameters"), SETTINGS, ids=str)
def test_bounds_follow_from_the_parameters_and_hold(scenario, parameters):
    vector = infraray.make_vector(scenario, 16, **parameters)
    space, layout = vector.single_observation_space, vector.single.layout
    assert np.isfinite(space.low).all() and (space.high < 1e13).all()
    observation, _ = vector.reset(seed=1)
    vector.action_space.seed(1)
    highest = np.zeros(layout.size)
    over = np.zeros(16, bool)
    while not over.all():
        assert observation in vector.observation_space
        highest = np.maximum(highest, np.asarray(observation).max(axis=0))
        observation, _, over, _, _ = vector.step(vector.action_space.sample())
    for name in {"queue_lengths", "service_rates", "free_bytes", "cached_size", "throughputs"} & layout.slices.keys():
        place = layout.slices[name]
        assert highest[place].max() > space.high[place].max() / 200, name
