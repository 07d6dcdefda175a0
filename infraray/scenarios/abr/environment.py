"""The adaptive-bitrate environment."""

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
from infraray.scenarios.abr.bound import mean_qoe_bound
from infraray.scenarios.abr.chunks import chunk_sizes, delay_factors, largest_chunk
from infraray.scenarios.abr.parameters import AdaptiveBitrateParameters
from infraray.scenarios.abr.player import Player
from infraray.scenarios.abr.throughput import draw_link, extremes


class AdaptiveBitrate(Environment):
    """Choose the quality of each chunk of a video that plays while it is downloaded.

    ## Description
    A video is cut into chunks, each available in several qualities. The player downloads chunk after chunk over a link
    with changing throughput into a buffer that is played out meanwhile. When the buffer runs dry, the picture stalls.
    Above ``buffer_threshold_s`` of buffered video the player sleeps, in multiples of ``sleep_s``, before it requests
    the next chunk. A chunk's delay is a round trip plus its size divided by the throughput it encounters, of which
    ``payload_share`` is video, times a factor that ``delay_noise`` spreads around 1 (drawn per chunk from the task's
    seed, so it is the same for every agent). As in Pensieve's player, the link's trace advances while bits flow and
    while the player sleeps, but not during the round trip, and starts over at its end. The aim is a high quality of
    experience (QoE) over the scored chunks.

    ## Observation
    | field | size | unit | meaning |
    |---|---|---|---|
    | buffer | 1 | s | video in the buffer |
    | last_quality | 1 | 1 | quality of the last chunk; ``initial_quality`` before the first |
    | chunks_left | 1 | 1 | chunks still to be chosen, this one included |
    | last_delay | 1 | s | time that the last chunk took, 0 before the first |
    | last_stall | 1 | s | stall during the last chunk, 0 before the first |
    | throughputs | history | Mbit/s | size over delay of the last chunks, oldest first, 0 if there is none yet |
    | chunk_sizes | horizon x qualities | Mbit | sizes of the coming chunks, chunk by chunk, 0 after the last one |

    The text says the same in a few lines.

    ## Actions
    ``Discrete(qualities)``: the quality of the next chunk, 0 is the lowest. As text:
    ``{"quality": 2}``, a marked line, a number, or prose that names one quality, read in this order.
    The default action is quality 0.

    ## Reward
    The chunk's QoE: ``quality_weight`` * bitrate - ``stall_weight`` * stall - ``switch_weight`` *
    |bitrate - last bitrate|, in Mbit/s and seconds; 0 while warming up. The first chunk of an episode is downloaded
    into an empty buffer, so its whole delay is a stall, and its change is measured against ``initial_quality``; if it
    is scored, both count as for any other chunk.

    ## Parameters
    bitrates_kbps, chunk_s; chunk_sizes, size_variation, size_correlation, video; throughput,
    trace, trace_length_s, lowest_mbps, highest_mbps, markov_states, switch_probability,
    step_length_s, dropout_interval_s, dropout_length_s, fading_time_s; link_rtt_s, payload_share,
    delay_noise, buffer_threshold_s, sleep_s; initial_quality, quality_weight, stall_weight,
    switch_weight; history, horizon, warmup_steps, scored_steps. Units, ranges and defaults:
    `AdaptiveBitrateParameters`. Preset ``pensieve``: 48 scored chunks without warm-up.

    ## Episode end
    When ``warmup_steps + scored_steps`` chunks have been downloaded. The score, higher is better,
    is the mean QoE of the scored chunks; ``metrics`` holds over the same chunks the mean bitrate,
    the seconds of stall and their share, the number and mean size of changes of quality and the
    mean buffer. The bound is proven in ``bound.py``.

    ## Baselines
    random (floor), constant, lowest, rate_based, buffer_based, bola, mpc, robust_mpc.

    ## Source
    The player and the QoE of Pensieve (Mao, Netravali and Alizadeh, SIGCOMM 2017), with the 50
    warm-up and 200 scored steps of InfraGym (section 3).
    """

    scenario = "abr"
    lookahead = 5
    score = Score("mean_qoe", "1", higher_is_better=True)
    expert = "scripted:robust_mpc"
    Parameters = AdaptiveBitrateParameters
    parameters: AdaptiveBitrateParameters
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"pensieve": {"warmup_steps": 0, "scored_steps": 48}}

    def least_steps(self) -> tuple[int, str]:
        """One more than the warm-up."""
        return self.parameters.warmup_steps + 1, "warmup_steps"

    def observed_fields(self) -> tuple[ObservedField, ...]:
        """The player, what it has measured, and the coming chunks."""
        parameters = self.parameters
        qualities = len(parameters.bitrates_kbps)
        coming = parameters.horizon * qualities
        # Rounding may leave the buffer slightly above its threshold.
        fullest = parameters.buffer_threshold_s + parameters.sleep_s
        largest = largest_chunk(parameters)
        slowest, fastest = extremes(parameters, largest)
        measured = "throughput of the last chunks, oldest first"
        return (
            ObservedField("buffer", 1, "s", "video in the buffer", high=fullest),
            ObservedField("last_quality", 1, "1", "quality of the last chunk", high=qualities - 1.0),
            ObservedField("chunks_left", 1, "1", "chunks still to be chosen", high=float(parameters.num_chunks)),
            ObservedField("last_delay", 1, "s", "time that the last chunk took", high=slowest),
            ObservedField("last_stall", 1, "s", "stall during the last chunk", high=slowest),
            ObservedField("throughputs", parameters.history, "Mbit/s", measured, high=fastest),
            ObservedField("chunk_sizes", coming, "Mbit", "sizes of the coming chunks at each quality", high=largest),
        )

    def make_action_space(self) -> spaces.Discrete:
        """One action per quality."""
        return spaces.Discrete(len(self.parameters.bitrates_kbps))

    def describe_task(self) -> str:
        """The system and the aim."""
        parameters = self.parameters
        return (
            f"You choose the quality of each {parameters.chunk_s:g} s chunk of a video that plays while it is "
            "downloaded over a link with changing throughput. Downloaded video waits in a buffer; when the buffer "
            f"runs dry, playback stalls. The buffer holds about {parameters.buffer_threshold_s:g} s. Each chunk earns "
            f"{parameters.quality_weight:g} x bitrate in Mbit/s, minus {parameters.stall_weight:g} x seconds of stall, "
            f"minus {parameters.switch_weight:g} x the change of bitrate from the last chunk in Mbit/s. Keep the mean "
            "of that high: a sharp picture, no stalls, few changes."
        )

    def describe_actions(self) -> str:
        """The qualities and their bitrates."""
        bitrates = self.parameters.bitrates_mbps
        listed = ", ".join(f"{quality}: {bitrate:g}" for quality, bitrate in enumerate(bitrates))
        return (
            f"Choose a quality from 0 to {len(bitrates) - 1} (mean Mbit/s of each: {listed}). "
            f'Answer with JSON, for example {{"quality": {len(bitrates) // 2}}}.'
        )

    def begin(self, task: Task) -> None:
        """Draws the video and the link."""
        parameters = self.parameters
        self.sizes = chunk_sizes(parameters, task.seed)
        self.link = draw_link(parameters, task.seed)
        self.delay_factors = delay_factors(parameters, task.seed)
        self.player = Player(self.link, parameters)
        self._size_rows: list[list[float]] = self.sizes.tolist()
        self._factors: list[float] = self.delay_factors.tolist()
        self._gains = parameters.gains()
        self._stall_weight = parameters.stall_weight
        self._warmup = parameters.warmup_steps
        self._history = parameters.history
        self._qualities: list[int] = []
        self._stalls: list[float] = []
        self._buffers: list[float] = []
        self._throughputs = np.zeros(parameters.history + parameters.num_chunks)
        self._last_quality = parameters.initial_quality
        self._scored_qoe = 0.0
        self._next = 0
        self._coming = self._prepare_observations()

    def _prepare_observations(self) -> NDArray[np.float64]:
        """The parts of every observation that are known beforehand, shape ``(num_chunks + 1, layout.size)``."""
        parameters = self.parameters
        chunks, qualities = self.sizes.shape
        prepared = np.zeros((chunks + 1, self.layout.size))
        prepared[:, 2] = np.arange(chunks, -1, -1)
        padded = np.concatenate([self.sizes, np.zeros((parameters.horizon, qualities))]).ravel()
        windows = np.lib.stride_tricks.sliding_window_view(padded, parameters.horizon * qualities)
        prepared[:, self.layout.slices["chunk_sizes"]] = windows[::qualities]
        self._measured = self.layout.slices["throughputs"]
        return prepared

    def numbers(self) -> NDArray[np.float64]:
        """The player, what it has measured, and the coming chunks."""
        player, chunk = self.player, self._next
        numbers: NDArray[np.float64] = self._coming[chunk].copy()
        numbers[0] = player.buffer_s
        numbers[1] = self._last_quality
        numbers[3] = player.delay_s
        numbers[4] = player.stall_s
        numbers[self._measured] = self._throughputs[chunk : chunk + self._history]
        return numbers

    def words(self) -> str:
        """The buffer, the last chunk, the throughputs and one line per coming chunk."""
        player, chunk = self.player, self._next
        left = self.parameters.num_chunks - chunk
        bitrate = self.parameters.bitrates_mbps[self._last_quality]
        lines = [
            f"Buffer: {player.buffer_s:.2f} s of video. Chunks left: {left}.",
            f"Last quality: {self._last_quality} ({bitrate:g} Mbit/s).",
        ]
        if chunk:
            lines[1] += f" Its download took {player.delay_s:.2f} s, of which playback stalled {player.stall_s:.2f} s."
            measured = self._throughputs[max(chunk, self.parameters.history) : chunk + self.parameters.history].tolist()
            listed = ", ".join(f"{throughput:.3g}" for throughput in measured)
            lines.append(f"Measured throughput of the last chunks, oldest first: {listed} Mbit/s.")
        else:
            lines.append("Nothing has been downloaded yet.")
        for ahead, sizes in enumerate(self.sizes[chunk : chunk + self.parameters.horizon].tolist()):
            name = "next chunk" if ahead == 0 else f"chunk after {ahead} more"
            lines.append(f"Sizes of the {name} by quality: {', '.join(f'{size:.3g}' for size in sizes)} Mbit.")
        return "\n".join(lines)

    def advance(self, action: int) -> Outcome:
        """Downloads the next chunk at quality ``action``."""
        chunk, player = self._next, self.player
        size = self._size_rows[chunk][action]
        player.fetch(size, self._factors[chunk])
        stall_s = player.stall_s
        qoe = self._gains[self._last_quality][action] - self._stall_weight * stall_s
        self._qualities.append(action)
        self._stalls.append(stall_s)
        self._buffers.append(player.buffer_s)
        self._throughputs[self._history + chunk] = size / player.delay_s
        self._last_quality = action
        self._next = chunk + 1
        if chunk < self._warmup:
            return Outcome(0.0)
        self._scored_qoe += qoe
        return Outcome(qoe, self._next == len(self._factors))

    def answer_form(self) -> Choice:
        """A quality's number."""
        return Choice("quality", len(self.parameters.bitrates_kbps), also=("quality_level",))

    def default_action(self) -> int:
        """Quality 0 in any state: the same for every agent."""
        return 0

    def measure(self) -> Measures:
        """Mean QoE and its components."""
        first = self.parameters.warmup_steps
        scored = self._next - first
        if scored <= 0:
            return Measures(math.nan)
        before = self._qualities[first - 1] if first else self.parameters.initial_quality
        bitrates = np.array(self.parameters.bitrates_mbps)[[before, *self._qualities[first:]]]
        changes = np.abs(np.diff(bitrates))
        stall_s = sum(self._stalls[first:])
        return Measures(
            self._scored_qoe / scored,
            metrics={
                "mean_bitrate_mbps": float(bitrates[1:].mean()),
                "stall_s": stall_s,
                "stall_share": stall_s / (stall_s + scored * self.parameters.chunk_s),
                "switches": float(np.count_nonzero(changes)),
                "mean_switch_mbps": float(changes.mean()),
                "mean_buffer_s": float(np.mean(self._buffers[first:])),
            },
        )

    def bound(self) -> float:
        """A proven upper bound on the mean QoE of the scored chunks downloaded so far."""
        if self._next <= self.parameters.warmup_steps:
            return math.nan
        chunks = slice(self._next)
        return mean_qoe_bound(self.parameters, self.link, self.sizes[chunks], self.delay_factors[chunks])
