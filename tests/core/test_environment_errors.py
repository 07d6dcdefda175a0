"""Every wrong argument gets one line that names it, its value and what would be right."""

import math

import numpy as np
import pytest

import infraray
from infraray.errors import InfrarayError
from infraray.parameters import file_sha256


@pytest.mark.parametrize(
    ("argument", "value", "fix"),
    [
        ("text", "yes", "must be true or false"),
        ("invalid_action", "ignore", "must be one of retry, default, penalty, end"),
        ("invalid_action", ["retry"], "must be one of"),
        ("invalid_penalty", -1, "at least 0"),
        ("invalid_penalty", math.nan, "finite"),
        ("invalid_penalty", "1", "number"),
        ("reward_scale", math.inf, "finite"),
        ("reward_scale", True, "number"),
        ("max_episode_steps", 0, "whole number from 1"),
        ("max_episode_steps", 1.5, "whole number from 1"),
        ("max_episode_steps", "10", "whole number from 1"),
        ("level", 2, "must be one of 1"),
        ("level", "1", "must be one of 1"),
        ("level", np.array([1, 1]), "must be one of 1"),
        ("preset", "parc", "did you mean park"),
        ("preset", 3, "known are park"),
        ("preset", ["park"], "did you mean park"),
        ("render_mode", 3, "must be 'ansi'"),
        ("num_servers", 0, "greater than or equal to 1"),
        ("num_servers", "many", "valid integer"),
        ("num_servers", 2.5, "valid integer"),
        ("utilisation", math.nan, "finite"),
        ("utilisation", -0.1, "greater than 0"),
        ("arrivals", "posson", "'poisson', 'bursty' or 'trace'"),
        ("service_rates", (1.0, -1.0), "from 1e-9 to 1e6"),
        ("service_rates", (), "1 to 1000 rates"),
        ("observe", (), "at least one field"),
        ("observe", ("job_size", "job_size"), "each once"),
        ("scored_steps", 10**9, "less than or equal to"),
    ],
)
def test_wrong_argument_is_named_with_its_value_and_the_fix(argument, value, fix):
    with pytest.raises(InfrarayError) as caught:
        infraray.make("load_balance", **{argument: value})
    line = str(caught.value)
    assert "\n" not in line
    assert line.startswith(f"load_balance: {argument}={value!r}: ")
    assert fix in line


@pytest.mark.parametrize(("misspelt", "meant"), [("num_server", "num_servers"), ("utilization", "utilisation")])
def test_misspelt_parameter_is_answered_with_the_nearest(misspelt, meant):
    with pytest.raises(InfrarayError, match=f"{misspelt}: no such field; did you mean .*{meant}"):
        infraray.make("load_balance", **{misspelt: 3})


def test_several_wrong_parameters_get_a_line_each():
    with pytest.raises(InfrarayError) as caught:
        infraray.make("load_balance", num_servers=0, utilisation=9)
    assert [line.split("=")[0] for line in str(caught.value).splitlines()] == [
        "load_balance: num_servers",
        "load_balance: utilisation",
    ]


def test_parameters_that_contradict_each_other_say_what_to_set():
    with pytest.raises(InfrarayError, match=r"set trace: path/to/file\.csv"):
        infraray.make("load_balance", arrivals="trace")
    with pytest.raises(InfrarayError, match="neither arrivals nor job_sizes is 'trace'"):
        infraray.make("load_balance", trace="jobs.csv")


def test_parameters_given_beside_a_preset_win():
    parameters = infraray.make("load_balance", preset="park", scored_steps=7).parameters
    assert (parameters.num_servers, parameters.scored_steps) == (10, 7)


def test_parameters_cannot_be_changed_under_an_environment():
    with pytest.raises(ValueError, match="frozen"):
        infraray.make("load_balance").parameters.num_servers = 4


def test_missing_file_is_named(tmp_path):
    with pytest.raises(InfrarayError, match=r"gone\.csv: cannot be read \(No such file"):
        file_sha256(tmp_path / "gone.csv")


def test_verdict_before_reset_says_what_is_missing():
    with pytest.raises(InfrarayError, match="call reset"):
        infraray.make("load_balance").verdict()
