"""No assignment of jobs to servers, however clever, is better than the bound."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import infraray
from infraray.scenarios.load_balance.bound import PricedServers, fused_server_total, mean_completion_bound
from infraray.scenarios.load_balance.jobs import Jobs, generate_jobs

ROUNDING = 1 + 1e-9


def best_mean(jobs: Jobs, rates: list[float]) -> float:
    """The mean completion time of the best of all assignments, reckoned in seconds of work left at each arrival."""
    best = float("inf")
    gaps = np.diff(jobs.arrivals, prepend=jobs.arrivals[0]).tolist()
    for servers in itertools.product(range(len(rates)), repeat=len(gaps)):
        left_s = [0.0] * len(rates)
        total = 0.0
        for server, gap, size in zip(servers, gaps, jobs.sizes.tolist(), strict=True):
            left_s = [max(0.0, seconds - gap) for seconds in left_s]
            left_s[server] += size / rates[server]
            total += left_s[server]
        best = min(best, total)
    return best / len(gaps)


@st.composite
def tiny_instances(draw):
    rates = draw(st.lists(st.sampled_from([0.25, 0.5, 1.0, 1.5, 4.0]), min_size=1, max_size=3))
    jobs = draw(st.integers(1, 9 if len(rates) < 3 else 6))
    gaps = draw(st.lists(st.sampled_from([0.0, 0.1, 0.5, 1.0, 3.0]), min_size=jobs, max_size=jobs))
    sizes = draw(st.lists(st.sampled_from([0.01, 0.3, 1.0, 2.0, 10.0]), min_size=jobs, max_size=jobs))
    return Jobs(np.cumsum(gaps), np.array(sizes)), rates


@settings(max_examples=150)
@given(tiny_instances())
def test_bound_is_at_most_the_best_of_all_assignments(instance):
    jobs, rates = instance
    assert mean_completion_bound(jobs, rates) <= best_mean(jobs, rates) * ROUNDING


def test_bound_holds_on_tiny_tasks_of_any_scale():
    random = np.random.default_rng(0)
    for _ in range(1000):
        servers = int(random.integers(1, 4))
        count = int(random.integers(1, (0, 9, 7, 5)[servers]))
        rates = (10.0 ** random.uniform(-6, 6, servers)).tolist()
        gaps = 10.0 ** random.uniform(-9, 9) * random.exponential(1, count) * 10.0 ** random.uniform(-6, 6, count)
        jobs = Jobs(np.cumsum(gaps), 10.0 ** random.uniform(-9, 9) * 10.0 ** random.uniform(-3, 3, count))
        bound = mean_completion_bound(jobs, rates)
        assert jobs.sizes.mean() / max(rates) / ROUNDING <= bound <= best_mean(jobs, rates) * ROUNDING, (jobs, rates)


@settings(max_examples=150)
@given(tiny_instances(), st.integers(1, 40), st.integers(0, 2**32 - 1), st.sampled_from([0.5, 2.0, 10.0]))
def test_any_prices_give_a_bound(instance, cells, seed, highest):
    jobs, rates = instance
    priced = PricedServers(jobs, np.array(rates), cells)
    prices = np.random.default_rng(seed).uniform(0, highest / min(rates), priced.cells)
    assert priced.evaluate(prices)[0] / len(jobs.sizes) <= best_mean(jobs, rates) * ROUNDING


@settings(max_examples=100)
@given(tiny_instances(), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_no_start_is_cheaper_than_the_one_that_is_found(instance, cells, seed):
    jobs, rates = instance
    priced = PricedServers(jobs, np.array(rates), cells)
    prices = np.random.default_rng(seed).uniform(0, 2 / min(rates), priced.cells)
    grid = np.linspace(0, 2 * priced.end, 2000 * cells + 1)  # with every edge in it
    for rate in priced.rates:
        cost = np.maximum(1.0, prices * rate)
        paid = np.interp(grid, priced.edges[:-1], np.append(0, np.cumsum(cost * priced.cell_s)))
        paid += np.maximum(grid - priced.end, 0)
        seconds, _ = priced._cheapest(cost, jobs.sizes / rate)
        for arrival, size, found in zip(priced.arrivals, jobs.sizes, seconds, strict=True):
            starts = grid[(grid >= arrival) & (grid + size / rate <= grid[-1])]
            if len(starts):
                total = starts - arrival + np.interp(starts + size / rate, grid, paid) - np.interp(starts, grid, paid)
                assert found <= total.min() * ROUNDING


def test_one_server_with_equal_jobs_is_bounded_exactly():
    jobs = Jobs(np.array([0.0, 0.0, 1.0, 9.0]), np.full(4, 2.0))
    assert mean_completion_bound(jobs, [1.0]) == pytest.approx(best_mean(jobs, [1.0]))


def test_single_job_is_bounded_by_the_fastest_server():
    assert mean_completion_bound(Jobs(np.array([7.0]), np.array([3.0])), [0.5, 1.5]) == pytest.approx(2.0)


def test_shortest_remaining_time_first_interrupts_a_long_job():
    # The long job runs 1 s, waits 2 s for the short one, then runs its other 9 s.
    assert fused_server_total([0.0, 1.0], [10.0, 2.0], 1.0) == pytest.approx(12 + 2)


@pytest.mark.parametrize("setting", [{}, {"job_sizes": "exponential"}, {"preset": "park"}])
def test_prices_tighten_the_bound_by_a_fifth_where_all_servers_are_needed(setting):
    parameters = infraray.make("load_balance", **setting).parameters
    for seed in range(3):
        jobs = generate_jobs(parameters, seed)
        without_waiting = jobs.sizes.mean() / parameters.rates.max()
        assert mean_completion_bound(jobs, parameters.rates) >= 1.2 * without_waiting


@pytest.mark.parametrize("parameters", [{"utilisation": 0.05}, {"utilisation": 2.0}, {"service_rates": [1e-3, 1e3]}])
def test_bound_is_never_below_that_of_waiting_for_nothing_nor_of_one_fused_server(parameters):
    environment = infraray.make("load_balance", **parameters)
    rates = environment.parameters.rates
    for seed in range(3):
        jobs = generate_jobs(environment.parameters, seed)
        fused = fused_server_total(jobs.arrivals.tolist(), jobs.sizes.tolist(), rates.sum()) / len(jobs.sizes)
        assert mean_completion_bound(jobs, rates) >= max(fused, jobs.sizes.mean() / rates.max()) / ROUNDING


def test_bound_of_a_prefix_counts_the_scored_jobs_in_it_only():
    environment = infraray.make("load_balance", warmup_steps=3, scored_steps=10, text=False)
    environment.reset(seed=0)
    for _ in range(3):
        environment.step(0)
        assert np.isnan(environment.bound())
    environment.step(4)
    assert environment.bound() == pytest.approx(environment.jobs.sizes[3] / environment.parameters.rates.max())
