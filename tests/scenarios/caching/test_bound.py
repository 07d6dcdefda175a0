"""The bound against exhaustive search, linear programming, and every agent."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

import infraray
from infraray.agents import Briefing, load_agent
from infraray.scenarios.caching.bound import intervals, most_hits
from infraray.scenarios.caching.parameters import CachingParameters
from infraray.scenarios.caching.requests import generate_requests


def best_hits(keys, sizes, capacity, first_scored):
    """Tries everything: after each miss any subset of cache and object that fits may remain."""
    reachable = {frozenset(): 0}
    for place, key in enumerate(keys):
        following = {}
        for cache, hits in reachable.items():
            if key in cache:
                outcomes, gained = [cache], hits + (place >= first_scored)
            else:
                members = [*cache, key]
                gained = hits
                outcomes = [
                    frozenset(m for i, m in enumerate(members) if mask >> i & 1) for mask in range(1 << len(members))
                ]
            for left in outcomes:
                if sum(sizes[m] for m in left) <= capacity:
                    following[left] = max(following.get(left, 0), gained)
        reachable = following
    return max(reachable.values())


@given(
    keys=st.lists(st.integers(0, 4), min_size=1, max_size=14),
    sizes=st.lists(st.integers(1, 4), min_size=5, max_size=5),
    capacity=st.integers(1, 8),
    first_scored=st.integers(0, 5),
)
@settings(max_examples=150, deadline=None)
def test_bound_of_a_short_task_is_the_best_course_of_events(keys, sizes, capacity, first_scored):
    key_array = np.array(keys)
    bound = most_hits(key_array, np.array(sizes)[key_array], capacity, first_scored)
    assert bound == best_hits(keys, sizes, capacity, first_scored)


def test_bound_is_exact_on_thousands_of_tiny_tasks_of_any_scale():
    random = np.random.default_rng(2)
    for _ in range(3000):
        objects, length, scale = random.integers(1, 6), random.integers(1, 12), 2 ** int(random.integers(0, 57))
        keys, sizes = random.integers(0, objects, length), random.integers(1, 6, objects) * scale
        capacity, first_scored = int(random.integers(1, 10)) * scale + int(random.integers(-1, 2)), random.integers(4)
        best = best_hits(keys.tolist(), sizes.tolist(), capacity, first_scored)
        assert most_hits(keys, sizes[keys], capacity, first_scored) == best, (keys, sizes, capacity, first_scored)


@pytest.mark.parametrize("exponent", range(0, 51, 2))
def test_bound_of_larger_tasks_is_no_better_than_what_is_plain_to_see(exponent):
    capacity = 2**exponent
    for seed in range(3):
        parameters = CachingParameters(min_size_bytes=1, max_size_bytes=2**40, lognormal_sigma=3.0)
        keys, sizes = generate_requests(parameters, seed)
        warmup = parameters.warmup_requests
        bound = most_hits(keys, sizes, capacity, warmup)
        repeated = np.array([key in keys[:place] for place, key in enumerate(keys)])
        counted = np.arange(len(keys)) >= warmup
        assert 0 <= bound <= (repeated & counted & (sizes <= capacity)).sum()
        if sizes[np.unique(keys, return_index=True)[1]].sum() <= capacity:
            assert bound == (repeated & counted).sum()


@pytest.mark.parametrize("capacity", [524_288, 2**30, 2**40, 2**50])
@pytest.mark.parametrize("scored", [1, 25, 100])
def test_bound_is_what_an_lru_gets_where_everything_fits(capacity, scored):
    env = infraray.make("caching", text=False, capacity_bytes=capacity, warmup_requests=5, scored_requests=scored)
    for seed in range(5):
        agent = load_agent("scripted:lru", "caching")
        observation, _ = env.reset(seed=seed)
        agent.reset(Briefing.of(env, seed=1))
        terminated = False
        while not terminated:
            observation, _, terminated, _, _ = env.step(agent.act(observation))
        if sum(env.cache.sizes.values()) <= capacity:
            assert env.bound() == env.verdict().score
        assert env.verdict().score <= env.bound() <= 1


@given(
    keys=st.lists(st.integers(0, 4), min_size=1, max_size=14),
    size=st.integers(1, 4),
    capacity=st.integers(1, 14),
    first_scored=st.integers(0, 5),
)
@settings(max_examples=150, deadline=None)
def test_bound_is_exact_for_equal_sizes(keys, size, capacity, first_scored):
    bound = most_hits(np.array(keys), np.full(len(keys), size), capacity, first_scored)
    assert bound == best_hits(keys, [size] * 5, capacity, first_scored)


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"workload": "recorded"},
        {"sizes": "pareto", "size_correlation": 0.7, "capacity_bytes": 131_072},
    ],
)
def test_bound_is_close_to_the_linear_programme(parameters):
    parameters = CachingParameters(**parameters)
    requests = generate_requests(parameters, seed=3)
    warmup, capacity = parameters.warmup_requests, parameters.capacity_bytes
    starts, ends = intervals(requests.keys)
    kept = (ends >= warmup) & (requests.sizes[ends] <= capacity)
    starts, ends = starts[kept], ends[kept]
    used = np.zeros((parameters.num_requests, len(ends)))
    for column, (start, end) in enumerate(zip(starts, ends, strict=True)):
        used[start:end, column] = requests.sizes[end] / capacity
    programme = linprog(-np.ones(len(ends)), A_ub=used, b_ub=np.ones(len(used)), bounds=(0, 1), method="highs")
    bound = most_hits(requests.keys, requests.sizes, capacity, warmup)
    assert math.floor(-programme.fun + 1e-6) <= bound <= -programme.fun + 4


def test_bound_holds_for_every_prefix_of_every_agents_episode():
    env = infraray.make("caching", text=False, warmup_requests=50, scored_requests=200)
    for name in ("random", "lru", "s3_fifo", "adaptsize"):
        agent = load_agent(f"scripted:{name}", "caching")
        observation, _ = env.reset(seed=11)
        agent.reset(Briefing.of(env, seed=1))
        terminated = False
        assert math.isnan(env.bound()) and math.isnan(env.verdict().score)
        while not terminated:
            observation, _, terminated, _, _ = env.step(agent.act(observation))
            if not math.isnan(score := env.verdict().score):
                assert env.bound() >= score


def test_objects_that_never_fit_cannot_hit():
    keys = np.array([0, 0, 1, 1, 0])
    assert most_hits(keys, np.array([9, 9, 2, 2, 9]), 5, 0) == 1
    assert most_hits(keys, np.full(5, 9), 5, 0) == 0
