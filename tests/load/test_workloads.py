"""The published scenarios, their shorter forms, and what is refused."""

from typing import Any

import pytest

from infraray.errors import InfrarayError
from infraray.load.presets import PRESETS
from infraray.load.workloads import SEED_PAIRS, Workload


def load(name: str, **changes: Any) -> Workload:
    return Workload.parse("inference", {**PRESETS[name], **changes})


@pytest.mark.parametrize(
    ("name", "lengths", "requests", "traffic", "objective"),
    [
        ("A", (8192, 1024), 128, [("burst", None, 1)], "ttft"),
        ("B", (1024, 8192), 64, [("burst", None, 1)], "tpot"),
        (
            "C",
            (1024, 1024),
            256,
            [("burst", None, 64), ("poisson", 32.0, 32), ("constant", 16.0, 16)],
            "request_throughput",
        ),
        ("D", (4096, 2048), 96, [("burst", None, 4)], "balanced"),
    ],
)
def test_the_presets_are_those_of_table_7(
    name: str, lengths: tuple[int, int], requests: int, traffic: list[Any], objective: str
) -> None:
    workload = load(name)
    assert (workload.input_tokens, workload.output_tokens) == lengths
    assert workload.num_requests == requests
    assert [(one.arrivals, one.rate, one.concurrency) for one in workload.traffic] == traffic
    assert workload.objective == objective
    assert workload.length_ratio == 0.8 and workload.ignore_eos
    assert (workload.shortest_input, workload.shortest_output) == tuple(-(-8 * length // 10) for length in lengths)


def test_the_seed_pairs_are_the_published_ones() -> None:
    assert [(pair.dev, pair.eval) for pair in SEED_PAIRS] == [(21, 1337), (248, 428), (999, 777)]


@pytest.mark.parametrize("form", ["quick", "cpu"])
@pytest.mark.parametrize("name", "ABCD")
def test_shorter_forms_keep_the_shape(name: str, form: str) -> None:
    full, short = load(name), load(f"{name}-{form}")
    assert short.input_tokens * full.output_tokens == full.input_tokens * short.output_tokens
    assert short.num_requests * short.input_tokens < full.num_requests * full.input_tokens / 30
    for before, after in zip(full.traffic, short.traffic, strict=True):
        assert before.concurrency and after.concurrency
        assert before.arrivals == after.arrivals
        assert (before.concurrency == 1) == (after.concurrency == 1)
        if after.concurrency > 2:
            assert before.concurrency / full.num_requests == after.concurrency / short.num_requests
        if before.rate and after.rate:
            # Offered over served: a place serves in proportion to 1 / length.
            load_before = before.rate / full.num_requests * full.output_tokens
            assert after.rate / short.num_requests * short.output_tokens == pytest.approx(load_before)
    assert full.objective == short.objective


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"input_tokens": 0}, "input_tokens=0: must be greater than or equal to 1"),
        ({"length_ratio": 1.5}, "length_ratio=1.5: must be less than or equal to 1"),
        ({"num_request": 3}, "num_request: no such field; did you mean num_requests or warmup_requests?"),
        ({"temperature": -1}, "temperature=-1: must be greater than or equal to 0"),
        ({"traffic": []}, "traffic=[]: must hold 1 to 16 kinds of traffic"),
        ({"traffic": [{"arrivals": "poisson"}]}, "arrivals is 'poisson' but no rate is given"),
        ({"traffic": [{"rate": 3.0}]}, "rate is given but arrivals is 'burst'"),
        ({"traffic": [{"concurrency": 0}]}, "traffic.0.concurrency=0: must be greater than or equal to 1"),
        ({"traffic": [{"arrivals": "bursty"}]}, "must be 'burst', 'poisson' or 'constant'"),
        ({"service_level": {}}, "must set at least one of ttft_s, tpot_s, e2e_s"),
        ({"objective": "tpot", "output_tokens": 1}, "output_tokens=1: "),
        (
            {"objective": "balanced", "output_tokens": 4, "length_ratio": 0.25},
            "output_tokens=4: objective 'balanced' takes the time between tokens, and at length_ratio=0.25 an output "
            "may have only one; set output_tokens to at least 5, or another objective",
        ),
    ],
)
def test_a_wrong_field_is_one_line(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InfrarayError) as refused:
        load("A", **changes)
    assert said in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize("objective", ["tpot", "balanced"])
def test_two_tokens_have_a_time_between_them_and_one_has_a_first(objective: str) -> None:
    assert load("A", objective=objective, output_tokens=2).shortest_output == 2
    assert load("A", objective=objective, output_tokens=5, length_ratio=0.25).shortest_output == 2
    assert load("A", objective="ttft", output_tokens=1).shortest_output == 1
    assert load("A", objective="request_throughput", output_tokens=1).shortest_output == 1


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_has_what_it_scores(name: str) -> None:
    assert load(name).shortest_output >= 2


def test_any_other_workload_can_be_described() -> None:
    free = Workload.parse(
        "inference",
        {
            "input_tokens": 300,
            "output_tokens": 20,
            "length_ratio": 1.0,
            "num_requests": 10,
            "temperature": 0.7,
            "traffic": [{"arrivals": "poisson", "rate": 2.5}, {"arrivals": "burst"}],
        },
    )
    assert free.peak_concurrency == 10
    assert [traffic.label for traffic in free.traffic] == ["poisson, 2.5 requests/s", "burst"]
