"""Adaptive bitrate, thousands of tasks at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from infraray.scenarios.abr.chunks import chunk_sizes, delay_factors
from infraray.scenarios.abr.environment import AdaptiveBitrate
from infraray.scenarios.abr.segment_search import Traces
from infraray.scenarios.abr.throughput import draw_link
from infraray.steps_taken import StepsTaken, at, at_most, begun_again, window
from infraray.vector import Rows, VectorEnvironment


class AdaptiveBitrateVector(VectorEnvironment):
    """The recursion of ``player.py`` on arrays of shape (tasks,), in the same order of operations.

    Everything that differs from step to step is stored with the tasks along the last axis, so each step reads and
    writes contiguous memory. The same goes for observations, which have shape (tasks, numbers) and Fortran order.
    """

    environment_class = AdaptiveBitrate
    single: AdaptiveBitrate

    def begin(self, seeds: Sequence[int]) -> None:
        """Draws every task's video and link."""
        parameters = self.single.parameters
        qualities = len(parameters.bitrates_kbps)
        count, chunks = len(seeds), parameters.num_chunks
        self.sizes = np.zeros((chunks + parameters.horizon, qualities, count))
        for row, seed in enumerate(seeds):
            self.sizes[:chunks, :, row] = chunk_sizes(parameters, seed)
        self.delay_factors: NDArray[np.float64] | None = None
        if parameters.delay_noise:
            factors = np.array([delay_factors(parameters, seed) for seed in seeds])
            self.delay_factors = np.ascontiguousarray(factors.T)
        self.links = [draw_link(parameters, seed) for seed in seeds]
        self.traces = Traces([link.trace for link in self.links])
        self.buffer_s = np.zeros(count)
        self.delay_s = np.zeros(count)
        self.stall_s = np.zeros(count)
        self.throughputs = np.zeros((parameters.history + chunks, count))
        self.last_quality = np.full(count, parameters.initial_quality)
        self.clock, self.position = self.traces.move_to(self.rows, np.array([link.start_s for link in self.links]))
        self._gains = np.array(parameters.gains()).ravel()
        self._scored_qoe = np.zeros(count)
        self._next: StepsTaken = 0

    def restart(self, rows: Rows, seeds: Sequence[int]) -> None:
        """Draws some tasks' videos and links, and empties their players."""
        parameters = self.single.parameters
        for row, seed in zip(rows.tolist(), seeds, strict=True):
            self.sizes[: parameters.num_chunks, :, row] = chunk_sizes(parameters, seed)
            if self.delay_factors is not None:
                self.delay_factors[:, row] = delay_factors(parameters, seed)
            self.links[row] = draw_link(parameters, seed)
        self.traces = Traces([link.trace for link in self.links])
        for state in (self.buffer_s, self.delay_s, self.stall_s, self._scored_qoe):
            state[rows] = 0.0
        self.throughputs[:, rows] = 0.0
        self.last_quality[rows] = parameters.initial_quality
        starts = np.array([self.links[row].start_s for row in rows.tolist()])
        self.clock[rows], self.position[rows] = self.traces.move_to(rows, starts)
        self._next = begun_again(self._next, rows, self.num_envs)

    def numbers(self) -> NDArray[np.float64]:
        """The player, what it has measured, and the coming chunks."""
        parameters = self.single.parameters
        chunk = at_most(self._next, parameters.num_chunks)
        numbers = np.empty((self.single.layout.size, self.num_envs))
        numbers[0] = self.buffer_s
        numbers[1] = self.last_quality
        numbers[2] = parameters.num_chunks - chunk
        numbers[3] = self.delay_s
        numbers[4] = self.stall_s
        coming = 5 + parameters.history
        numbers[5:coming] = window(self.throughputs, chunk, parameters.history)
        numbers[coming:] = window(self.sizes, chunk, parameters.horizon).reshape(-1, self.num_envs)
        return numbers.T

    def advance(self, actions: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.bool_] | bool]:
        """Downloads one chunk per task, then lets players with a full buffer sleep."""
        parameters = self.single.parameters
        chunk = at_most(self._next, parameters.num_chunks - 1)
        size = at(self.sizes, chunk).ravel().take(actions * self.num_envs + self.rows)
        target = self.position + size / parameters.payload_share
        end, again, passed = self.traces.carry(target)
        delay = end - self.clock
        delay[again] += passed
        delay += parameters.link_rtt_s
        if self.delay_factors is not None:
            delay *= at(self.delay_factors, chunk)
        left = self.buffer_s - delay
        stall = np.maximum(-left, 0.0)
        buffer = np.maximum(left, 0.0)
        buffer += parameters.chunk_s
        self.clock, self.position = end, target
        full = np.flatnonzero(buffer > parameters.buffer_threshold_s)
        if len(full):
            excess = buffer[full] - parameters.buffer_threshold_s
            sleep = np.ceil(excess / parameters.sleep_s) * parameters.sleep_s
            buffer[full] -= sleep
            end[full], target[full] = self.traces.move_to(full, end[full] + sleep)
        self.buffer_s, self.delay_s, self.stall_s = buffer, delay, stall
        qoe = self._gains.take(self.last_quality * len(parameters.bitrates_kbps) + actions)
        qoe -= parameters.stall_weight * stall
        if isinstance(chunk, int):
            np.divide(size, delay, out=self.throughputs[parameters.history + chunk])
        else:
            self.throughputs[parameters.history + chunk, self.rows] = size / delay
        self.last_quality = actions.copy()
        scored = self._next >= parameters.warmup_steps
        self._next = self._next + 1
        if scored is not True:
            qoe *= scored
        self._scored_qoe += qoe
        return qoe, self._next == parameters.num_chunks

    def scores(self) -> NDArray[np.float64]:
        """Mean QoE of the scored chunks."""
        scored = self._next - self.single.parameters.warmup_steps
        return np.where(scored > 0, self._scored_qoe / np.maximum(scored, 1), np.nan)
