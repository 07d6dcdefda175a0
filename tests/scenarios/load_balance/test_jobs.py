"""Drawn jobs follow the distributions that the parameters name; traces are read or refused in one line."""

import math

import numpy as np
import pytest

import infraray
from infraray.errors import InfrarayError
from infraray.scenarios.load_balance.jobs import Jobs, draw_sizes, generate_jobs, load_trace

Z = 3.29
"""Standard errors of a 99.9 % interval."""


def parameters(**values):
    return infraray.make("load_balance", **values).parameters


def assert_mean(values, expected):
    assert abs(np.mean(values) - expected) <= Z * np.std(values, ddof=1) / math.sqrt(len(values))


SIZES = [
    {"job_sizes": "exponential"},
    {"job_sizes": "lognormal", "lognormal_sigma": 0.8},
    {"job_sizes": "pareto", "pareto_shape": 3.5},
]


@pytest.mark.parametrize("setting", SIZES, ids=lambda setting: setting["job_sizes"])
def test_sizes_have_the_mean_that_is_asked_for(setting):
    sizes = draw_sizes(parameters(mean_job_size=7.0, **setting), np.random.default_rng(3), 100_000)
    assert_mean(sizes, 7.0)
    assert sizes.min() > 0


def test_sizes_with_infinite_variance_have_the_right_quantiles():
    """Pareto with index 1.5 and mean 300: the smallest is 100, and q of them are below 100 (1 - q)^(-1/1.5)."""
    sizes = draw_sizes(parameters(preset="park"), np.random.default_rng(3), 100_000)
    assert sizes.min() >= 100
    for share in (0.1, 0.5, 0.9, 0.99):
        assert_mean(sizes < 100 * (1 - share) ** (-1 / 1.5), share)


@pytest.mark.parametrize("setting", SIZES, ids=lambda setting: setting["job_sizes"])
def test_work_arrives_at_the_utilisation_that_is_asked_for(setting):
    found = parameters(utilisation=0.6, mean_job_size=3.0, scored_steps=2000, **setting)
    gaps = [np.diff(generate_jobs(found, seed).arrivals).mean() for seed in range(50)]
    assert_mean(gaps, 3.0 / (0.6 * found.rates.sum()))


def test_poisson_arrivals_have_exponential_gaps():
    gaps = np.concatenate([np.diff(generate_jobs(parameters(), seed).arrivals) for seed in range(400)])
    mean = gaps.mean()
    for share in (0.1, 0.5, 0.9):
        assert_mean(gaps < -mean * math.log(1 - share), share)
    assert abs(np.corrcoef(gaps[:-1], gaps[1:])[0, 1]) < Z / math.sqrt(len(gaps))


@pytest.mark.parametrize("burst", [{}, {"burst_factor": 20.0, "burst_share": 0.5, "burst_length": 5.0}], ids=str)
def test_bursty_arrivals_have_the_same_mean_rate_as_poisson(burst):
    found = parameters(arrivals="bursty", scored_steps=5000, **burst)
    gaps = [generate_jobs(found, seed).arrivals[-1] / found.num_jobs for seed in range(40)]
    assert_mean(gaps, 1 / (0.8 * found.rates.sum()))


def test_bursts_have_the_length_and_the_share_of_time_that_are_asked_for():
    """Bursts a thousand times denser than the calm can be told from it by their gaps."""
    found = parameters(arrivals="bursty", burst_factor=1000.0, burst_share=0.02, burst_length=50.0, scored_steps=20_000)
    calm_rate = 0.8 * found.rates.sum() / (0.98 + 0.02 * 1000)
    shares, lengths = [], []
    for seed in range(20):
        gaps = np.diff(generate_jobs(found, seed).arrivals)
        in_burst = gaps < 0.02 / calm_rate
        bursts = np.count_nonzero(np.diff(in_burst.astype(int)) == 1)
        shares.append(gaps[in_burst].sum() / gaps.sum())
        lengths.append(in_burst.sum() / bursts)
    assert np.mean(shares) == pytest.approx(0.02, rel=0.1)
    assert np.mean(lengths) == pytest.approx(50, rel=0.05)


def test_task_is_in_a_burst_at_its_start_as_often_as_at_any_time():
    found = parameters(
        arrivals="bursty", burst_factor=1000.0, burst_share=0.3, burst_length=1000.0, warmup_steps=0, scored_steps=1
    )
    calm_rate = 0.8 * found.rates.sum() / (0.7 + 0.3 * 1000)
    first = np.array([generate_jobs(found, seed).arrivals[0] for seed in range(2000)])
    assert_mean(first < 0.02 / calm_rate, 0.3 + 0.7 * 0.02 * (1 + 3 / 7))


@pytest.fixture
def trace(tmp_path):
    path = tmp_path / "jobs.csv"
    rows = [f"{10 + 2 * number},x,{number % 7 + 1}" for number in range(100)]
    path.write_text("\n".join(["arrival_s, user ,size", *rows, ""]))
    return str(path)


def test_trace_gives_its_own_arrivals_and_sizes_in_windows(trace):
    found = parameters(arrivals="trace", job_sizes="trace", trace=trace, warmup_steps=2, scored_steps=8)
    starts = set()
    for seed in range(30):
        jobs = generate_jobs(found, seed)
        np.testing.assert_array_equal(jobs.arrivals, np.arange(10) * 2.0)
        np.testing.assert_array_equal(np.diff(jobs.sizes) % 7, 1)
        starts.add(jobs.sizes[0])
    assert len(starts) > 3


def test_trace_of_sizes_can_be_joined_with_drawn_arrivals(trace):
    found = parameters(job_sizes="trace", trace=trace, scored_steps=40, warmup_steps=0, utilisation=0.5)
    jobs = generate_jobs(found, 0)
    assert set(jobs.sizes) <= set(range(1, 8))
    gaps = [np.diff(generate_jobs(found, seed).arrivals).mean() for seed in range(100)]
    assert_mean(gaps, load_trace(trace).sizes.mean() / (0.5 * found.rates.sum()))


def test_trace_of_arrivals_can_be_joined_with_drawn_sizes(trace):
    jobs = generate_jobs(parameters(arrivals="trace", trace=trace, scored_steps=40, warmup_steps=0), 0)
    np.testing.assert_array_equal(jobs.arrivals, np.arange(40) * 2.0)
    assert len(np.unique(jobs.sizes)) == 40


def test_trace_that_has_changed_is_read_anew(tmp_path):
    path = tmp_path / "jobs.csv"
    path.write_text("arrival_s,size\n0,1\n1,1\n")
    assert isinstance(load_trace(str(path)), Jobs)
    path.write_text("arrival_s,size\n0,2\n1,2\n5,2\n")
    np.testing.assert_array_equal(load_trace(str(path)).sizes, [2.0, 2.0, 2.0])


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "the first line must be a header with arrival_s and size"),
        (b"time,bytes\n0,1\n", "the first line must be a header"),
        (b"0,1\n1,1\n", "the first line must be a header"),
        (b"arrival_s,size\n", "holds no jobs"),
        (b"arrival_s,size\n0,1\n1,many\n", "jobs.csv:3: '1,many' does not hold two numbers"),
        (b"arrival_s,size\n0\n", "jobs.csv:2: '0' does not hold two numbers"),
        (b"arrival_s,size\n0,nan\n", "jobs.csv:2: size must be above 0 and both must be finite"),
        (b"arrival_s,size\ninf,1\n", "both must be finite"),
        (b"arrival_s,size\n0,0\n", "size must be above 0"),
        (b"arrival_s,size\n0,-1\n", "size must be above 0"),
        (b"arrival_s,size\n5,1\n\n4,1\n", "jobs.csv:4: arrival_s goes back in time; sort the file by it"),
        (b"arrival_s,size\n0,1\n1,1\n", "holds 2 jobs, but 250 are needed; lower warmup_steps or scored_steps"),
        (b"\x1f\x8b\x08\x00\xff\xfe", "cannot be read"),
        (b"arrival_s,size\n" + b"9" * 100_000 + b"x,1\n", "does not hold two numbers"),
    ],
)
def test_broken_trace_gets_one_line(tmp_path, content, complaint):
    path = tmp_path / "jobs.csv"
    path.write_bytes(content)
    environment = infraray.make("load_balance", arrivals="trace", job_sizes="trace", trace=str(path))
    with pytest.raises(InfrarayError) as caught:
        environment.reset(seed=0)
    line = str(caught.value)
    assert line.startswith("load_balance: ") and "jobs.csv" in line and complaint in line
    assert "\n" not in line and len(line) < 400


@pytest.mark.parametrize("name", ["gone.csv", ".", "a\0b"])
def test_trace_that_is_no_file_gets_one_line(tmp_path, name):
    with pytest.raises(InfrarayError, match=r"cannot be read|must not hold the character NUL"):
        infraray.make("load_balance", arrivals="trace", trace=f"{tmp_path}/{name}").reset(seed=0)
