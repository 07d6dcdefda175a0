"""The load-balancing environment."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from infraray.answers import Choice
from infraray.environment import Environment, Measures, Outcome, Score, Task
from infraray.observation import ObservedField
from infraray.scenarios.load_balance.bound import mean_completion_bound
from infraray.scenarios.load_balance.jobs import Jobs, generate_jobs, largest_size
from infraray.scenarios.load_balance.parameters import LoadBalanceParameters
from infraray.scenarios.load_balance.servers import Servers


class LoadBalance(Environment):
    """Send each arriving job to one of several unequal servers.

    ## Description
    Jobs arrive one after another and must be sent to a server at once. Servers work at different rates, first come,
    first served, one job at a time; jobs cannot be moved later.
    The aim is a short mean completion time (waiting and service) over the scored jobs.

    ## Observation
    Numbers, each only if ``observe`` names it:

    | field | size | unit | meaning |
    |---|---|---|---|
    | queue_lengths | num_servers | 1 | jobs at each server, the running one included |
    | work_left | num_servers | work | work still to be done by each server |
    | service_rates | num_servers | work/s | each server's rate |
    | job_size | 1 | work | size of the job to be sent now |

    The text says the same, one line per server.

    ## Actions
    ``Discrete(num_servers)``: the server that gets the job. As text: ``{"server": 2}``,
    a marked line, a number, or prose that names one server, read in this order. The default action is server 0.

    ## Reward
    Minus the completion time in seconds of the job just sent, which is known as soon as it is sent; 0 while warming
    up. The sum over an episode is ``-scored_steps`` times the score.

    ## Parameters
    num_servers, slowest_rate, fastest_rate, service_rates; arrivals, utilisation, burst_factor,
    burst_share, burst_length; job_sizes, mean_job_size, pareto_shape, lognormal_sigma, trace;
    observe; warmup_steps, scored_steps. Units, ranges and defaults: `LoadBalanceParameters`.
    Preset ``park``: ten servers of rates 0.15 to 1.05 and 1000 scored jobs.

    ## Episode end
    When ``warmup_steps + scored_steps`` jobs have been sent. The score, lower is better, is the
    mean completion time in seconds of the scored jobs; ``metrics`` holds its median, its 99th
    percentile and the mean slowdown (completion time over service time on the fastest server).
    The bound is proven in ``bound.py``.

    ## Baselines
    random (floor), constant, round_robin, weighted_random, power_of_two, join_shortest_queue,
    least_work_left, earliest_completion, sita_e.

    ## Source
    The setting of Park (Mao et al., NeurIPS 2019, section 4) and of InfraGym (section 3), which
    takes 50 warm-up and 200 scored steps.
    """

    scenario = "load_balance"
    lookahead = 1
    score = Score("mean_completion_time", "s", higher_is_better=False, low=0.0)
    expert = "scripted:earliest_completion"
    Parameters = LoadBalanceParameters
    parameters: LoadBalanceParameters
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "park": {
            "num_servers": 10,
            "slowest_rate": 0.15,
            "fastest_rate": 1.05,
            "mean_job_size": 300.0,
            "utilisation": 300.0 / 55.0 / 6.0,
            "warmup_steps": 0,
            "scored_steps": 1000,
        }
    }

    def least_steps(self) -> tuple[int, str]:
        """One more than the warm-up."""
        return self.parameters.warmup_steps + 1, "warmup_steps"

    def observed_fields(self) -> tuple[ObservedField, ...]:
        """The fields that ``observe`` names."""
        rates, jobs = self.parameters.rates, float(self.parameters.num_jobs)
        servers, fastest, largest = len(rates), float(rates.max()), largest_size(self.parameters)
        queued = "work still to be done by each server"
        fields = {
            "queue_lengths": ObservedField("queue_lengths", servers, "1", "jobs at each server", high=jobs),
            "work_left": ObservedField("work_left", servers, "work", queued, high=jobs * largest),
            "service_rates": ObservedField("service_rates", servers, "work/s", "each server's rate", high=fastest),
            "job_size": ObservedField("job_size", 1, "work", "size of the job to be sent now", high=largest),
        }
        return tuple(fields[name] for name in self.parameters.observe)

    def make_action_space(self) -> spaces.Discrete:
        """One action per server."""
        return spaces.Discrete(len(self.parameters.rates))

    def describe_task(self) -> str:
        """The system and the aim."""
        return (
            f"You balance load over {len(self.parameters.rates)} servers. Each server works through its queue first "
            "come, first served, one job at a time, at its own rate. A job of size x keeps a server of rate r busy "
            "for x / r seconds. For every arriving job you choose the server, once and for all. Keep the mean "
            "completion time (waiting plus service) low."
        )

    def describe_actions(self) -> str:
        """The servers."""
        last = len(self.parameters.rates) - 1
        return f'Choose a server from 0 to {last}. Answer with JSON, for example {{"server": {last}}}.'

    def begin(self, task: Task) -> None:
        """Draws the jobs."""
        self.jobs = generate_jobs(self.parameters, task.seed)
        self._arrivals: list[float] = self.jobs.arrivals.tolist()
        self._sizes: list[float] = self.jobs.sizes.tolist()
        counts_jobs = "queue_lengths" in self.parameters.observe
        self.servers = Servers(self.parameters.rates.tolist(), counts_jobs)
        self._completion_times: list[float] = []
        self._next = 0

    def numbers(self) -> NDArray[np.float64]:
        """Queue lengths, work left, rates and job size, as ``observe`` orders them."""
        now, size = self._waiting_job()
        numbers: list[float] = []
        for name in self.parameters.observe:
            if name == "queue_lengths":
                numbers += self.servers.queue_lengths(now)
            elif name == "work_left":
                numbers += self.servers.work_left(now)
            elif name == "service_rates":
                numbers += self.servers.rates
            else:
                numbers.append(size)
        return np.array(numbers, np.float64)

    def words(self) -> str:
        """The job and one line per server."""
        now, size = self._waiting_job()
        observe = self.parameters.observe
        if self._next == self.parameters.num_jobs:
            lines = [f"Time {now:.2f} s. No job is left."]
        else:
            lines = [f"Time {now:.2f} s. A job{f' of size {size:.3g}' if 'job_size' in observe else ''} has arrived."]
        queue_lengths = self.servers.queue_lengths(now)
        work_left = self.servers.work_left(now)
        for server, rate in enumerate(self.servers.rates):
            facts = []
            if "service_rates" in observe:
                facts.append(f"rate {rate:.3g} work/s")
            if "queue_lengths" in observe:
                facts.append(f"{queue_lengths[server]:.0f} jobs")
            if "work_left" in observe:
                facts.append(f"{work_left[server]:.3g} work left")
            if facts:
                lines.append(f"Server {server}: {', '.join(facts)}.")
        return "\n".join(lines)

    def advance(self, action: int) -> Outcome:
        """Sends the waiting job."""
        job = self._next
        completion_time = self.servers.send(action, self._arrivals[job], self._sizes[job])
        self._completion_times.append(completion_time)
        self._next = job + 1
        scored = job >= self.parameters.warmup_steps
        return Outcome(-completion_time if scored else 0.0, terminated=self._next == len(self._sizes))

    def answer_form(self) -> Choice:
        """A server's number."""
        return Choice("server", len(self.parameters.rates))

    def default_action(self) -> int:
        """Server 0 in any state: the same for every agent."""
        return 0

    def measure(self) -> Measures:
        """Mean, median and 99th percentile of completion times, and mean slowdown."""
        times = np.array(self._completion_times[self.parameters.warmup_steps :])
        if not len(times):
            return Measures(math.nan)
        fastest = self.jobs.sizes[self.parameters.warmup_steps : self._next] / max(self.servers.rates)
        return Measures(
            float(times.mean()),
            metrics={
                "p50_completion_time_s": float(np.percentile(times, 50)),
                "p99_completion_time_s": float(np.percentile(times, 99)),
                "mean_slowdown": float((times / fastest).mean()),
            },
        )

    def bound(self) -> float:
        """A proven lower bound in seconds on the mean completion time of the scored jobs sent so far."""
        scored = slice(self.parameters.warmup_steps, self._next)
        jobs = Jobs(self.jobs.arrivals[scored], self.jobs.sizes[scored])
        return mean_completion_bound(jobs, self.servers.rates) if len(jobs.sizes) else math.nan

    def _waiting_job(self) -> tuple[float, float]:
        """Arrival time and size of the job to be sent; after the last one, its time and size 0."""
        if self._next == len(self._sizes):
            return self._arrivals[-1], 0.0
        return self._arrivals[self._next], self._sizes[self._next]
