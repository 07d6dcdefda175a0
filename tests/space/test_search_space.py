"""A search space says what may be set, keeps what is set canonical, and refuses the rest in one line."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infraray.errors import InfrarayError
from infraray.space import (
    Categorical,
    Float,
    Forbidden,
    ForbiddenAbove,
    Int,
    Ordinal,
    SearchSpace,
    chosen_part,
    joint_space,
)
from infraray.space.sampling import configurations, redraw, sample, size
from infraray.testing.search_problems import BOWL, ENGINE, SWITCHES

GOOD = {
    "max_num_seqs": 16,
    "max_num_batched_tokens": 256,
    "gpu_memory_utilization": 0.8,
    "quantization": "fp8",
    "kv_cache_dtype": "fp8",
    "speculative": True,
    "num_speculative_tokens": 5,
    "acceptance": 0.5,
}


def test_default_holds_what_is_active_and_nothing_else():
    assert ENGINE.default == {
        "max_num_seqs": 64,
        "max_num_batched_tokens": 2048,
        "gpu_memory_utilization": 0.9,
        "quantization": None,
        "speculative": False,
    }


def test_inactive_values_are_left_out_so_that_equal_launches_are_equal():
    without = ENGINE.canonical({**GOOD, "quantization": None, "num_speculative_tokens": 3})
    assert "kv_cache_dtype" not in without and "acceptance" not in without
    other = {**GOOD, "quantization": None, "num_speculative_tokens": 3, "kv_cache_dtype": "auto", "acceptance": 0.01}
    assert ENGINE.key(other) == ENGINE.key(without)


def test_what_depends_on_something_inactive_is_inactive():
    assert set(ENGINE.canonical({**GOOD, "speculative": False})) == set(GOOD) - {"num_speculative_tokens", "acceptance"}


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"max_num_seqs": 17}, "toy-engine-v1: max_num_seqs=17: must be one of 16, 64, 256, 1024"),
        ({"max_num_seq": 16}, "toy-engine-v1: max_num_seq: no such hyperparameter; did you mean max_num_seqs"),
        ({"speculative": 1}, "toy-engine-v1: speculative=1: must be one of false, true"),
        (
            {"num_speculative_tokens": 2},
            "toy-engine-v1: num_speculative_tokens=2: must be a whole number from 1 to 9 in steps of 2",
        ),
        ({"acceptance": 2.0}, "toy-engine-v1: acceptance=2.0: must be a number from 0.001 to 1"),
        ({"acceptance": math.nan}, "toy-engine-v1: acceptance=nan: must be a number from 0.001 to 1"),
        ({"acceptance": True}, "toy-engine-v1: acceptance=True: must be a number from 0.001 to 1"),
        (
            {"num_speculative_tokens": 9},
            'toy-engine-v1: forbidden: quantization is "fp8" and num_speculative_tokens is 9 (out of memory)',
        ),
        ({"max_num_seqs": 1024}, "toy-engine-v1: forbidden: max_num_seqs is above max_num_batched_tokens"),
    ],
)
def test_mistake_gets_one_line_with_name_value_and_remedy(change, line):
    with pytest.raises(InfrarayError) as caught:
        ENGINE.canonical({**GOOD, **change})
    assert str(caught.value).splitlines()[0].startswith(line)
    assert len(str(caught.value).splitlines()) == 1


def test_every_mistake_gets_its_line():
    with pytest.raises(InfrarayError) as caught:
        ENGINE.canonical({"max_num_seqs": 3, "quantization": "int4"})
    assert str(caught.value).splitlines() == [
        "toy-engine-v1: max_num_seqs=3: must be one of 16, 64, 256, 1024",
        "toy-engine-v1: max_num_batched_tokens: required and not given; its default is 2048",
        "toy-engine-v1: gpu_memory_utilization: required and not given; its default is 0.9",
        "toy-engine-v1: quantization='int4': must be one of null, \"fp8\"",
        "toy-engine-v1: speculative: required and not given; its default is false",
    ]


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: Float("x", 1, 1, default=1), "low below high"),
        (lambda: Float("x", 0, 1, log=True, default=1), "must be above 0 where log is set"),
        (lambda: Float("x", 0, 1, default=2), "x=2: must be a number from 0 to 1"),
        (lambda: Float("x y", 0, 1, default=0), "a hyperparameter's name"),
        (lambda: Int("x", 1, 8, log=True, step=2, default=1), "1 where log is set"),
        (lambda: Int("x", 1, 8.5, default=1), "high=8.5: must be a whole number"),
        (lambda: Categorical("x", ("a",), default="a"), "at least two values"),
        (lambda: Categorical("x", ("a", "a"), default="a"), "each must be listed once"),
        (lambda: Categorical("x", ("a", [1]), default="a"), "must be text, a number"),
        (lambda: Categorical("x", ("a", "b"), default="a", when={"y": "c"}), "must be a list of values"),
        (lambda: SearchSpace("s", 1, ()), "has no hyperparameters"),
        (
            lambda: SearchSpace("s", 1, (Int("x", 0, 1, default=0), Int("x", 0, 1, default=0))),
            "x is listed twice",
        ),
        (
            lambda: SearchSpace("s", 1, (Int("x", 0, 1, default=0, when={"y": [1]}), Int("y", 0, 1, default=0))),
            "x: when y: no such hyperparameter before it",
        ),
        (
            lambda: SearchSpace("s", 1, (Int("x", 0, 1, default=0),), (Forbidden({"x": (2,)}),)),
            "forbidden x: x=2: must be a whole number from 0 to 1",
        ),
        (
            lambda: SearchSpace("s", 1, (Int("x", 0, 1, default=0),), (Forbidden({"x": (0,)}),)),
            "the defaults are forbidden: x is 0",
        ),
        (
            lambda: SearchSpace(
                "s",
                1,
                (Int("x", 0, 1, default=0), Categorical("c", ("a", "b"), default="a")),
                (ForbiddenAbove("x", "c"),),
            ),
            "forbidden c: its values must be numbers",
        ),
    ],
)
def test_space_that_makes_no_sense_is_refused(make, reason):
    with pytest.raises(InfrarayError) as caught:
        make()
    assert reason in str(caught.value)


@pytest.mark.parametrize("space", [ENGINE, BOWL, SWITCHES])
def test_space_survives_json(space):
    assert SearchSpace.from_json(json.loads(json.dumps(space.to_json()))) == space


def test_json_that_is_no_space_is_refused():
    for data in ({}, {"name": "s", "version": 1, "hyperparameters": [{"type": "complex", "name": "x"}]}):
        with pytest.raises(InfrarayError):
            SearchSpace.from_json(data)


@given(st.integers(0, 2**32))
def test_samples_are_canonical(seed):
    drawn = sample(ENGINE, np.random.default_rng(seed))
    assert ENGINE.canonical(drawn) == drawn


@given(seed=st.integers(0, 2**32))
def test_redrawing_one_keeps_all_others_that_are_still_active(seed):
    random = np.random.default_rng(seed)
    before = sample(ENGINE, random)
    for dimension in ENGINE.hyperparameters:
        after = redraw(ENGINE, before, dimension.name, random)
        assert ENGINE.canonical(after) == after
        kept = (before.keys() & after.keys()) - {dimension.name}
        assert all(after[name] == before[name] for name in kept)
        # What comes or goes depends on the one that was drawn.
        if before.keys() != after.keys():
            assert dimension.name in ("quantization", "speculative", "num_speculative_tokens")
        if dimension.name not in before:
            assert after == before


def test_redrawing_is_uniform():
    random = np.random.default_rng(0)
    drawn = [redraw(SWITCHES, SWITCHES.default, "level", random) for _ in range(4000)]
    levels = np.bincount([one["level"] for one in drawn]) / 4000
    assert levels == pytest.approx([0.25] * 4, abs=0.03) and {one["mode"] for one in drawn} == {"slow"}


def test_equal_seeds_draw_equal_samples():
    one, other = (
        [sample(ENGINE, random) for _ in range(50)] for random in (np.random.default_rng(3), np.random.default_rng(3))
    )
    assert one == other


def test_samples_are_uniform_in_each_dimension():
    random = np.random.default_rng(0)
    drawn = [sample(BOWL, random) for _ in range(4000)]
    assert abs(np.mean([one["x"] for one in drawn])) < 0.2
    # Evenly in the logarithm: each of six decades has a sixth of the draws.
    decades = np.bincount([int(math.log10(one["y"]) + 3) for one in drawn], minlength=6)[:6] / 4000
    assert np.all(np.abs(decades - 1 / 6) < 0.03)
    levels = np.bincount([sample(SWITCHES, random)["level"] for _ in range(4000)]) / 4000
    assert np.all(np.abs(levels - 1 / 4) < 0.03)


@given(st.floats(0, 1))
def test_position_leads_back_to_the_value(position):
    for dimension in ENGINE.hyperparameters:
        value = dimension.at(position)
        again = dimension.at(dimension.position(value))
        assert again == value or (isinstance(value, float) and math.isclose(again, value, rel_tol=1e-5))


def test_logarithmic_whole_numbers_reach_both_ends():
    dimension = Int("n", 1, 1000, log=True, default=1)
    assert dimension.at(0.0) == 1 and dimension.at(1.0) == 1000
    assert len({dimension.at(position) for position in np.linspace(0, 1, 100_000)}) == 1000


def test_size_counts_what_can_be_listed():
    discrete = SearchSpace(
        "discrete",
        1,
        tuple(dimension for dimension in ENGINE.hyperparameters if not isinstance(dimension, Float)),
        ENGINE.forbidden,
    )
    listed = list(configurations(discrete))
    assert size(discrete) == len(listed) == len({discrete.key(one) for one in listed})
    assert all(discrete.canonical(one) == one for one in listed)
    assert size(SWITCHES) == 8
    assert size(ENGINE) is None
    with pytest.raises(InfrarayError, match="is continuous"):
        configurations(ENGINE)


def test_size_of_a_large_space_takes_no_listing():
    # The vLLM space of InferenceBench (appendix B.4) has this many configurations.
    sizes = (6, 5, 4, 2, 2, 2, 2, 2, 2, 3, 4)
    dimensions = tuple(Int(f"n{number}", 1, count, default=1) for number, count in enumerate(sizes))
    assert size(SearchSpace("large", 1, dimensions)) == 92_160


def test_joint_space_holds_one_part_at_a_time():
    joint = joint_space("joint", 1, "engine", {"toy": ENGINE, "other": SWITCHES})
    assert joint.default == {"engine": "toy", **{f"toy.{name}": value for name, value in ENGINE.default.items()}}
    assert chosen_part("engine", joint.default) == ("toy", ENGINE.default)
    random = np.random.default_rng(0)
    parts = set()
    for _ in range(100):
        part, configuration = chosen_part("engine", sample(joint, random))
        parts.add(part)
        assert {"toy": ENGINE, "other": SWITCHES}[part].canonical(configuration) == configuration
    assert parts == {"toy", "other"}


def test_numbers_and_switches_are_not_confused():
    dimension = Categorical("x", (1, True, "1", None, 0.5), default=1)
    assert [dimension.check(value) for value in dimension.choices] == [1, True, "1", None, 0.5]
    assert dimension.check(1.0) is dimension.choices[0]
    assert Ordinal("n", (0.1, 0.2), default=0.1).check(0.2) == 0.2
