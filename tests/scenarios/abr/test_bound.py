"""The bound dominates every plan, and is not far from the best one."""

import itertools

import numpy as np
import pytest

from infraray.scenarios.abr.bound import longest_download_s
from infraray.scenarios.abr.parameters import AdaptiveBitrateParameters
from infraray.scenarios.abr.planning import Qualities, most_valuable_plans
from infraray.scenarios.abr.trace import Trace
from tests.scenarios.abr.playing import AGENTS, VARIANTS, make, play_fixed, play_named

TINY = {"bitrates_kbps": (300.0, 1200.0, 2850.0), "trace_length_s": 40.0}


@pytest.mark.parametrize("arguments", VARIANTS)
def test_bound_is_at_least_every_agents_score(arguments):
    environment = make(**arguments)
    for seed in range(2):
        scores = []
        for name in AGENTS:
            play_named(environment, name, seed)
            scores.append(environment.verdict().score)
        assert max(scores) <= environment.bound()


def best_plan(environment, seed, chunks):
    """The best score of all plans, by trying them all."""
    qualities = range(len(environment.parameters.bitrates_kbps))
    best = -np.inf
    for plan in itertools.product(qualities, repeat=chunks):
        play_fixed(environment, plan, seed)
        best = max(best, environment.verdict().score)
    return best


@pytest.mark.parametrize("warmup", [0, 2])
@pytest.mark.parametrize(
    "arguments",
    [
        {"throughput": "markov", "highest_mbps": 3.0},
        {"throughput": "dropout", "delay_noise": 0.2, "dropout_interval_s": 5.0, "dropout_length_s": 8.0},
        {"throughput": "cellular", "buffer_threshold_s": 5.0, "highest_mbps": 8.0},
        {"throughput": "step", "step_length_s": 4.0, "switch_weight": 0.0, "stall_weight": 0.1},
        {"throughput": "step", "bitrates_kbps": (311.7, 1201.3, 2903.9), "buffer_threshold_s": 9.0, "sleep_s": 1.0},
    ],
)
def test_bound_is_at_least_the_best_of_all_plans(arguments, warmup):
    environment = make(**{**TINY, **arguments}, warmup_steps=warmup, scored_steps=5 - warmup)
    for seed in range(3):
        assert best_plan(environment, seed, 5) <= environment.bound()


def log_uniform(random, low, high):
    return float(10 ** random.uniform(np.log10(low), np.log10(high)))


def test_bound_is_at_least_the_best_of_all_plans_at_any_scale_and_no_chunk_beats_the_highest_quality():
    random = np.random.default_rng(4)
    for _ in range(60):
        chunks, slowest = int(random.integers(1, 5)), log_uniform(random, 0.001, 1e4)
        warmup = int(random.integers(0, chunks))
        arguments = {
            "bitrates_kbps": tuple(np.cumsum([log_uniform(random, 1, 1e5) for _ in range(3)]).tolist()),
            "chunk_s": log_uniform(random, 0.01, 60),
            "size_variation": float(random.choice([0.1, 1.0])),
            "throughput": str(random.choice(["markov", "step", "dropout", "cellular"])),
            "trace_length_s": log_uniform(random, 10, 1000),
            "lowest_mbps": slowest,
            "highest_mbps": slowest * log_uniform(random, 1, 10),
            "link_rtt_s": log_uniform(random, 0.001, 10),
            "payload_share": log_uniform(random, 0.01, 1),
            "delay_noise": float(random.choice([0.0, 0.9])),
            "buffer_threshold_s": log_uniform(random, 1, 3600),
            "sleep_s": log_uniform(random, 0.001, 1),
            "quality_weight": log_uniform(random, 1e-3, 1e3),
            "stall_weight": float(random.choice([0.0, log_uniform(random, 1e-3, 1e3)])),
            "switch_weight": float(random.choice([0.0, log_uniform(random, 1e-3, 1e3)])),
        }
        environment = make(**arguments, warmup_steps=warmup, scored_steps=chunks - warmup)
        best, bound = best_plan(environment, 0, chunks), environment.bound()
        most = arguments["quality_weight"] * arguments["bitrates_kbps"][-1] / 1000
        assert best - 1e-9 * max(1, abs(best)) <= bound <= most * (1 + 1e-9), arguments


def test_bound_is_near_the_best_of_all_plans_where_nothing_is_relaxed():
    """Without warm-up, noise and a full buffer only the interval of the stall is wide."""
    environment = make(**TINY, warmup_steps=0, scored_steps=6)
    gaps = []
    for seed in range(4):
        best = best_plan(environment, seed, 6)
        gaps.append(environment.bound() - best)
    assert min(gaps) >= 0
    assert max(gaps) < 0.1


def test_bound_of_a_constant_link_is_the_best_constant_quality():
    """At 1.3 Mbit/s, of which 5 % is no video, 1.2 Mbit/s can be kept up and 1.85 cannot."""
    environment = make(
        throughput="step", lowest_mbps=1.3, highest_mbps=1.3, size_variation=0.0, warmup_steps=0, scored_steps=100
    )
    play_fixed(environment, [2] * 100, seed=0)
    assert environment.verdict().score <= environment.bound() < environment.verdict().score + 0.12


def test_bound_is_the_highest_quality_where_stalls_cost_nothing():
    environment = make(stall_weight=0.0, warmup_steps=1, scored_steps=10)
    play_fixed(environment, [5] * 11, seed=0)
    assert environment.bound() == pytest.approx(4.3)


def test_bound_covers_the_steps_that_were_played():
    environment = make(max_episode_steps=70)
    actions = play_until_truncated(environment)
    assert len(actions) == 70
    assert environment.verdict().score <= environment.bound()
    short = make(max_episode_steps=10)
    play_until_truncated(short)
    assert np.isnan(short.bound())


def play_until_truncated(environment):
    environment.reset(seed=1)
    actions, truncated = [], False
    while not truncated:
        actions.append(1)
        *_, truncated, _ = environment.step(1)
    return actions


def test_longest_download_is_never_exceeded():
    random = np.random.default_rng(0)
    trace = Trace.of(random.uniform(0.5, 3, 30), random.choice([0.0, 0.5, 4.0], 30))
    grid = np.linspace(0, 6 * trace.duration_s, 200_001)
    carried = trace.mbit_until(grid)
    for mbit in (0.3, 5.0, 1.7 * trace.capacity_mbit):
        starts = np.arange(0, 60_000, 37)
        ends = np.searchsorted(carried, carried[starts] + mbit)
        longest = (grid[ends] - grid[starts]).max()
        assert longest <= longest_download_s(trace, mbit) + grid[1]


def most_value_by_enumeration(gains, sizes, earliest, deadlines, first_qualities):
    best = -np.inf
    for last, *plan in itertools.product(first_qualities, *[range(len(gains))] * len(sizes)):
        position = value = 0.0
        for chunk, quality in enumerate(plan):
            position = max(position, earliest[chunk]) + sizes[chunk, quality]
            if position > deadlines[chunk]:
                break
            value += gains[last][quality]
            last = quality
        else:
            best = max(best, value)
    return best


@pytest.mark.parametrize("seed", range(20))
def test_planning_finds_the_best_plan_that_keeps_the_deadlines(seed):
    """Several links at once; sizes need not rise with quality."""
    random = np.random.default_rng(seed)
    chunks = 1 + seed % 5
    bitrates = tuple(100 + np.cumsum(random.choice([50.0, 100.0, 400.0, 700.0], 3)))
    parameters = AdaptiveBitrateParameters(bitrates_kbps=bitrates, switch_weight=float(random.choice([0, 1, 3])))
    sizes = random.uniform(0.5, 6, (chunks, 3))
    earliest = np.cumsum(random.uniform(0, 4, (3, chunks)), axis=1)
    earliest -= earliest[:, :1]
    deadlines = earliest + random.uniform(0, 15, (3, 1)) + random.uniform(0, 4, (3, chunks))
    initial = None if seed % 2 else 1
    found = most_valuable_plans(Qualities.of(parameters), sizes, earliest, deadlines, initial)
    first_qualities = range(3) if initial is None else [initial]
    expected = [
        most_value_by_enumeration(parameters.gains(), sizes, earliest[link], deadlines[link], first_qualities)
        for link in range(3)
    ]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)


def test_time_of_is_the_inverse_of_mbit_until():
    random = np.random.default_rng(1)
    trace = Trace.of(random.uniform(0.5, 3, 30), random.choice([0.0, 0.5, 4.0], 30))
    for mbit in random.uniform(0, 4 * trace.capacity_mbit, 100):
        time = trace.time_of(mbit)
        assert trace.mbit_until(time) == pytest.approx(mbit)
        assert trace.mbit_until(time - 1e-6) < mbit
