"""The best score that physics allows, against numbers that were worked out by hand.

The model has 90 parameters in its layers and 10 in its head, of 2 bytes each; a token in the cache has 2
bytes. The device reads 1,000 bytes/s, has no cache and does 10,000 operations/s, 20,000 with one byte each.

A decoding step of one sequence with 17 tokens reads 200 + 34 bytes: 0.234 s; a token takes 200 operations,
0.02 s. A prompt of 15 tokens takes 2 * (15 * 90 + 10) = 2,720 operations, 0.272 s.
"""

from typing import Any

import pytest

from infraray.hardware.devices import Device
from infraray.hardware.model_size import ModelSize
from infraray.hardware.roofline import Roofline
from infraray.load.requests import Request, RequestSet
from infraray.load.workloads import Workload
from infraray.scenarios.inference.bound import best_score
from infraray.space.hyperparameters import Categorical, Ordinal
from infraray.space.search_space import SearchSpace, joint_space

ROOFLINE = Roofline(
    ModelSize(
        parameters=100,
        layer_parameters=90,
        head_parameters=10,
        weight_bits=16,
        kv_values_per_token=1,
        kv_bits=16,
        attention_flops_per_pair=0,
    ),
    Device("abacus", 1000.0, 0.0, {16: 10_000.0, 8: 20_000.0}),
)
REQUESTS = RequestSet((Request("", 10, 4, ""), Request("", 20, 4, "")), (), "chat")
"""On average 15 tokens and 4, and 17 in the cache while it is decoded."""

ONE_AT_A_TIME = {"concurrency": 1}
ALONE = 1 / (0.272 + 3 * 0.234)
"""Requests/s one at a time: a prefill, and three steps."""


def bound(objective: str, *traffic: dict[str, Any], space: SearchSpace | None = None, seed: int = 21) -> float:
    workload = Workload.parse("inference", {"objective": objective, "traffic": traffic or (ONE_AT_A_TIME,)})
    return best_score(workload, REQUESTS, ROOFLINE, space, seed)


def space(*dimensions: Categorical | Ordinal) -> SearchSpace:
    return SearchSpace("abacus", 1, dimensions)


SPECULATION = Ordinal("num_speculative_tokens", (0, 3), default=0)
NARROW_WEIGHTS = Categorical("quantization", (None, "fp8"), default=None)
NARROW_CACHE = Categorical("kv_cache_dtype", ("auto", "fp8"), default="auto")


def test_latencies_are_the_means_over_the_requests() -> None:
    # A prompt of 10 reads the weights for longer than it computes: 0.2 s; one of 20 takes 3,620 operations.
    assert bound("ttft") == pytest.approx((0.2 + 0.362) / 2)
    # 12 and 22 tokens in the cache.
    assert bound("tpot") == pytest.approx((0.224 + 0.244) / 2)


def test_throughput_is_that_of_one_place_or_of_all_together() -> None:
    assert bound("request_throughput") == pytest.approx(ALONE)
    # Two together read 200 + 2 * 34 bytes a step, four steps for two requests; without a limit there are two.
    assert bound("request_throughput", {"concurrency": 2}) == pytest.approx(2 / (4 * 0.268))
    assert bound("request_throughput", {}) == bound("request_throughput", {"concurrency": 64})
    assert bound("balanced") == pytest.approx((ALONE / (0.281 * 0.234)) ** (1 / 3))


def test_open_loop_traffic_lasts_until_its_last_arrival() -> None:
    # Two requests of which the second comes after 2 s: one a second, where the device could do more.
    slow = {"arrivals": "constant", "rate": 0.5, "concurrency": 2}
    assert bound("request_throughput", slow) == pytest.approx(1.0)
    # After 0.1 s: the device decides.
    fast = {"arrivals": "constant", "rate": 10.0, "concurrency": 2}
    assert bound("request_throughput", fast) == pytest.approx(2 / (4 * 0.268))
    # Several traffics: the geometric mean, as the score has it.
    assert bound("request_throughput", ONE_AT_A_TIME, slow) == pytest.approx(ALONE**0.5)


def test_random_arrivals_are_those_of_the_seed() -> None:
    rare = {"arrivals": "poisson", "rate": 0.01}
    assert bound("request_throughput", rare, seed=21) == bound("request_throughput", rare, seed=21)
    assert bound("request_throughput", rare, seed=21) != bound("request_throughput", rare, seed=22)


def test_every_speculated_token_is_granted() -> None:
    # Four tokens a step, which computes 4 * 200 operations in 0.08 s while it reads for 0.224 s.
    assert bound("tpot", space=space(SPECULATION)) == pytest.approx((0.224 + 0.244) / 2 / 4)
    assert bound("ttft", space=space(SPECULATION)) == bound("ttft")
    # Speculation cannot do without the operations: 0.272 s of prefill and 4 * 0.02 s for each request.
    many = space(Ordinal("num_speculative_tokens", (0, 1000), default=0))
    assert bound("request_throughput", {"concurrency": 2}, space=many) == pytest.approx(1 / 0.352)


def test_the_narrowest_weights_and_caches_are_granted() -> None:
    assert bound("tpot", space=space(NARROW_WEIGHTS)) == pytest.approx((0.124 + 0.144) / 2)
    four_bits = Categorical("quantize", ("none", "fp8", "awq"), default="none")
    assert bound("tpot", space=space(four_bits)) == pytest.approx((0.074 + 0.094) / 2)
    assert bound("tpot", space=space(NARROW_CACHE)) == pytest.approx((0.212 + 0.222) / 2)
    # A prompt of 10 still reads for longer, 100 bytes, than its 1,820 operations take at twice the rate.
    assert bound("ttft", space=space(NARROW_WEIGHTS)) == pytest.approx((0.1 + 0.181) / 2)
    assert bound("tpot", space=space(Categorical("dtype", (None, "float32"), default=None))) == bound("tpot")


def test_in_a_joint_space_the_best_engine_counts() -> None:
    plain = space(Categorical("dtype", (None, "float32"), default=None))
    joint = joint_space("both", 1, "engine", {"plain": plain, "fast": space(SPECULATION, NARROW_WEIGHTS)})
    assert bound("tpot", space=joint) == pytest.approx((0.124 + 0.144) / 2 / 4)
