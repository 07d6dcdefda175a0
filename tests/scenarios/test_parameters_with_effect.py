"""Every parameter changes something in every mode of its scenario, or is refused by name."""

import typing

import numpy as np
import pytest

import infraray
from infraray import InfrarayError
from infraray.parameters import conditions
from infraray.registration import find

SEEDS = range(2)
LENGTHS = {
    "load_balance": {"warmup_steps": 10, "scored_steps": 60},
    "caching": {"warmup_requests": 20, "scored_requests": 350},
    "abr": {"warmup_steps": 5, "scored_steps": 40, "buffer_threshold_s": 6.0},
}
FILES = {
    "jobs.csv": "arrival_s,size\n" + "".join(f"{place * 0.9},{1 + place * 7 % 5}\n" for place in range(200)),
    "requests.csv": "key,size\n"
    + "".join(f"{place * place % 37},{9000 + place * place % 37}\n" for place in range(500)),
    "link.csv": "".join(f"{place},{1 + place % 3}\n" for place in range(60)),
    "video.csv": "200000,400000,600000,900000,1400000,2100000\n150000,300000,500000,800000,1200000,1900000\n",
}
MODES = {
    "load_balance": [
        {"arrivals": arrivals, "job_sizes": sizes, **rates}
        for arrivals in ("poisson", "bursty", "trace")
        for sizes in ("pareto", "lognormal", "exponential", "trace")
        for rates in ({}, {"service_rates": [1.0, 2.0]}, {"num_servers": 1})
    ],
    "caching": [
        {"workload": workload, "decision": decision, "capacity_bytes": 131_072}
        for workload in ("recorded", "trace")
        for decision in ("eviction", "admission")
    ]
    + [
        {"sizes": sizes, "capacity_bytes": 131_072, **more}
        for sizes in ("lognormal", "pareto", "equal")
        for more in ({}, {"decision": "admission"}, {"drift_interval": 0}, {"scan_share": 0.0})
    ],
    "abr": [
        {"throughput": throughput, "chunk_sizes": chunk_sizes}
        for throughput in ("markov", "step", "dropout", "cellular", "file")
        for chunk_sizes in ("variable", "file")
    ]
    + [{"markov_states": 1}, {"size_variation": 0.0}],
}
CASES = [(scenario, mode) for scenario, modes in MODES.items() for mode in modes]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("files")
    for name, content in FILES.items():
        (made / name).write_text(content)
    return made


def with_files(scenario, mode, folder):
    """The mode with the files that it needs."""
    mode = dict(mode)
    if scenario == "load_balance" and "trace" in (mode["arrivals"], mode["job_sizes"]):
        mode["trace"] = str(folder / "jobs.csv")
    if mode.get("workload") == "trace":
        mode["trace"] = str(folder / "requests.csv")
    if mode.get("throughput") == "file":
        mode["trace"] = str(folder / "link.csv")
    if mode.get("chunk_sizes") == "file":
        mode["video"] = str(folder / "video.csv")
    return mode


def others(name, field, value, folder):
    """Some other values of a parameter."""
    options = typing.get_args(field.annotation)
    if name in ("trace", "video"):
        return [str(folder / "jobs.csv")]
    if name in ("service_rates", "observe", "bitrates_kbps"):
        return {
            "service_rates": [[0.7, 1.3]],
            "observe": [["job_size"]],
            "bitrates_kbps": [[100.0, 200.0, 300.0, 500.0, 900.0, 1700.0]],
        }[name]
    if options and isinstance(options[0], str):
        return [option for option in options if option != value]
    if isinstance(value, int):
        return [value + 1, value * 2, max(1, value // 2)]
    return [value * 0.9, value * 0.5, min(value * 1.5, 0.9) if value <= 1 else value * 1.5, -0.5, 0.3]


def played(scenario, arguments):
    """What can be seen of some episodes that a fixed sequence of actions plays."""
    environment = infraray.make(scenario, **arguments)
    seen = [environment.task_description, environment.available_actions]
    for seed in SEEDS:
        random = np.random.default_rng(seed)
        observation, _ = environment.reset(seed=seed)
        over = False
        while not over:
            seen += [observation["text_observation"], observation["numeric_observation"].tobytes()]
            action = int(random.integers(2**40)) % int(environment.action_space.n)
            observation, reward, over, _, _ = environment.step(action)
            seen.append(reward)
        seen.append(environment.verdict().score)
    return seen


@pytest.mark.parametrize("scenario, mode", CASES, ids=str)
def test_parameter_changes_something_or_is_refused(scenario, mode, folder):
    fields = find(scenario).environment_class().Parameters.model_fields
    arguments = {**LENGTHS[scenario], **with_files(scenario, mode, folder)}
    plain = played(scenario, arguments)
    parameters = infraray.make(scenario, **arguments).parameters
    for name, field in fields.items():
        if name in arguments:
            continue
        changed = refused = False
        for value in others(name, field, getattr(parameters, name), folder):
            try:
                changed = played(scenario, {**arguments, name: value}) != plain
            except InfrarayError as error:
                refused = f"{scenario}: {name}={value!r}: has no effect: " in str(error)
                # A value out of range says nothing; one that leaves the mode's own parameters without effect, or
                # needs another file, has an effect.
                changed = not refused and "must be" not in str(error)
            if changed or refused:
                break
        idle = any(not condition.holds(parameters) for condition in conditions(field))
        assert (changed, refused) == (not idle, idle), name


@pytest.mark.parametrize(
    "scenario, arguments, told",
    [
        ("load_balance", {"burst_factor": 3.0}, "burst_factor=3.0: has no effect: arrivals is 'poisson'; leave it out"),
        (
            "load_balance",
            {"service_rates": [1.0], "num_servers": 3},
            "num_servers=3: has no effect: service_rates is given",
        ),
        (
            "caching",
            {"workload": "recorded", "zipf_exponent": 2.0},
            "zipf_exponent=2.0: has no effect: workload is 'record",
        ),
        ("caching", {"trace": "t.csv"}, "trace='t.csv': has no effect: workload is 'zipf'"),
        ("abr", {"step_length_s": 2.0}, "step_length_s=2.0: has no effect: throughput is 'markov'"),
        (
            "kubernetes_policy",
            {"num_services": 12},
            "num_services=12: has no effect: application is 'boutique'; leave it out, or set application: generated",
        ),
        ("inference", {"questions": 20}, "questions=20: has no effect: mmlu_pro is not given; leave it out"),
    ],
)
def test_parameter_without_effect_is_named_with_the_reason(scenario, arguments, told):
    with pytest.raises(InfrarayError) as error:
        infraray.make(scenario, **arguments)
    assert str(error.value).startswith(f"{scenario}: {told}")


@pytest.mark.parametrize("scenario", ["abr", "caching", "inference", "kubernetes_policy", "load_balance", "routing"])
def test_a_penalty_is_refused_where_an_invalid_action_has_none(scenario):
    for invalid_action in ("retry", "default", "end"):
        with pytest.raises(InfrarayError) as error:
            infraray.make(scenario, invalid_action=invalid_action, invalid_penalty=2)
        assert str(error.value) == (
            f"{scenario}: invalid_penalty=2: has no effect: invalid_action is {invalid_action!r}; "
            "leave it out, or set invalid_action: penalty"
        )
        assert infraray.make(scenario, invalid_action=invalid_action, invalid_penalty=1).invalid_penalty == 1
    assert infraray.make(scenario, invalid_action="penalty", invalid_penalty=2).invalid_penalty == 2


def test_several_parameters_without_effect_get_a_line_each():
    with pytest.raises(InfrarayError) as error:
        infraray.make("load_balance", burst_factor=3.0, lognormal_sigma=1.0, utilisation=0.5)
    assert [line.split("=")[0] for line in str(error.value).splitlines()] == [
        "load_balance: burst_factor",
        "load_balance: lognormal_sigma",
    ]


def test_defaults_and_presets_may_be_without_effect_and_parameters_can_be_read_back():
    assert infraray.make("load_balance", burst_factor=5.0).parameters.burst_factor == 5.0
    parameters = infraray.make("load_balance", preset="park", service_rates=[1.0, 2.0]).parameters
    assert (parameters.num_servers, parameters.utilisation) == (5, pytest.approx(0.909, abs=1e-3))
    assert infraray.make("load_balance", **parameters.model_dump(mode="json")).parameters == parameters
