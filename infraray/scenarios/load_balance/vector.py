"""Load balancing, thousands of tasks at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from infraray.scenarios.load_balance.environment import LoadBalance
from infraray.scenarios.load_balance.jobs import generate_jobs
from infraray.steps_taken import StepsTaken, at, at_most, begun_again
from infraray.vector import Rows, VectorEnvironment


class LoadBalanceVector(VectorEnvironment):
    """The recursion of ``servers.py`` on arrays of shape (servers, tasks).

    Tasks are along the last axis, so each step reads and writes contiguous memory. The same goes for observations,
    which have shape (tasks, numbers) and Fortran order.

    Queue lengths need the completion times of the jobs in each queue. A queue is a linked list of nodes; one array
    holds their completion times and another their successors. It starts at the most recently completed job, so an
    empty queue is not a special case. Memory does not grow with the number of servers, and a step touches only the
    queues in which a job has completed.
    """

    environment_class = LoadBalance
    single: LoadBalance

    def begin(self, seeds: Sequence[int]) -> None:
        """Draws every task's jobs."""
        parameters = self.single.parameters
        jobs = [generate_jobs(parameters, seed) for seed in seeds]
        self.arrivals = np.ascontiguousarray(np.array([task.arrivals for task in jobs]).T)
        self.sizes = np.ascontiguousarray(np.array([task.sizes for task in jobs]).T)
        self.rates = parameters.rates
        count, servers = len(seeds), len(self.rates)
        self.free_at = np.zeros((servers, count))
        self._scored_time = np.zeros(count)
        self._next: StepsTaken = 0
        self._counts_jobs = "queue_lengths" in self.single.layout.slices
        if self._counts_jobs:
            self._begin_queues(servers * count, len(self.sizes) * count)

    def restart(self, rows: Rows, seeds: Sequence[int]) -> None:
        """Draws some tasks' jobs and empties their servers."""
        jobs = [generate_jobs(self.single.parameters, seed) for seed in seeds]
        self.arrivals[:, rows] = np.array([task.arrivals for task in jobs]).T
        self.sizes[:, rows] = np.array([task.sizes for task in jobs]).T
        self.free_at[:, rows] = 0.0
        self._scored_time[rows] = 0.0
        self._next = begun_again(self._next, rows, self.num_envs)
        if self._counts_jobs:
            self._empty_queues(rows)

    def _begin_queues(self, queues: int, jobs: int) -> None:
        """Nodes: one per job, one per queue (standing for a job before the first), and a common end."""
        end = jobs + queues
        self._task = np.tile(self.rows, queues // self.num_envs)
        self.queue_lengths = np.zeros(queues)
        self.first_completion = np.full(queues, np.inf)
        self._completed_last = np.arange(jobs, end)
        self._last = np.arange(jobs, end)
        self._completions = np.zeros(end + 1)
        self._completions[end] = np.inf
        self._following = np.full(end + 1, end)

    def _empty_queues(self, rows: Rows) -> None:
        """Empties the queues of some tasks and unlinks their nodes."""
        jobs, end = self.sizes.size, len(self._following) - 1
        queues = (np.arange(len(self.free_at))[:, None] * self.num_envs + rows).ravel()
        self.queue_lengths[queues] = 0.0
        self.first_completion[queues] = np.inf
        self._completed_last[queues] = self._last[queues] = jobs + queues
        self._following[jobs + queues] = end
        self._following[:jobs].reshape(self.sizes.shape)[:, rows] = end

    def numbers(self) -> NDArray[np.float64]:
        """Queue lengths, work left, rates and job sizes, as ``observe`` orders them."""
        job = at_most(self._next, len(self.sizes) - 1)
        now = at(self.arrivals, job)
        slices = self.single.layout.slices
        numbers = np.empty((self.single.layout.size, self.num_envs))
        if self._counts_jobs:
            self._complete_until(now)
            numbers[slices["queue_lengths"]] = self.queue_lengths.reshape(self.free_at.shape)
        if "work_left" in slices:
            work_left = numbers[slices["work_left"]]
            np.subtract(self.free_at, now, out=work_left)
            np.maximum(work_left, 0.0, out=work_left)
            work_left *= self.rates[:, None]
        if "service_rates" in slices:
            numbers[slices["service_rates"]] = self.rates[:, None]
        if "job_size" in slices:
            numbers[slices["job_size"]] = at(self.sizes, job) * (self._next < len(self.sizes))
        return numbers.T

    def advance(self, actions: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.bool_] | bool]:
        """Sends one job per task."""
        job = at_most(self._next, len(self.sizes) - 1)
        now, size = at(self.arrivals, job), at(self.sizes, job)
        queue = actions * self.num_envs + self.rows
        free_at = self.free_at.reshape(-1)
        service = size / self.rates.take(actions)
        start = np.maximum(free_at.take(queue), now)
        completion = start + service
        free_at[queue] = completion
        if self._counts_jobs:
            self._append(queue, completion)
        completion_time = start - now + service
        scored = self._next >= self.single.parameters.warmup_steps
        self._next = self._next + 1
        if scored is not True:
            completion_time *= scored
        self._scored_time += completion_time
        return -completion_time, self._next == len(self.sizes)

    def scores(self) -> NDArray[np.float64]:
        """Mean completion times in seconds."""
        scored = self._next - self.single.parameters.warmup_steps
        return np.where(scored > 0, self._scored_time / np.maximum(scored, 1), np.nan)

    def _append(self, queue: NDArray[np.int64], completion: NDArray[np.float64]) -> None:
        """Appends job ``_next`` of each task to a queue; a task that has ended has none."""
        job = self._next * self.num_envs + self.rows
        if isinstance(self._next, int):
            start = self._next * self.num_envs
            self._completions[start : start + self.num_envs] = completion
        else:
            going = np.flatnonzero(self._next < len(self.sizes))
            queue, completion, job = queue[going], completion[going], job[going]
            self._completions[job] = completion
        self._following[self._last.take(queue)] = job
        self._last[queue] = job
        # The first completion of an empty queue is infinite, that of any other is earlier than this one.
        self.first_completion[queue] = np.minimum(self.first_completion.take(queue), completion)
        self.queue_lengths[queue] += 1

    def _complete_until(self, now: NDArray[np.float64]) -> None:
        """Removes the jobs that have completed by each task's ``now`` from the queues."""
        done = np.flatnonzero(self.first_completion.reshape(self.free_at.shape) <= now)
        deadline = now.take(self._task.take(done))
        while len(done):
            self.queue_lengths[done] -= 1
            job = self._following.take(self._completed_last.take(done))
            self._completed_last[done] = job
            first = self._completions.take(self._following.take(job))
            self.first_completion[done] = first
            more = np.flatnonzero(first <= deadline)
            done, deadline = done.take(more), deadline.take(more)
