"""The dynamics: Pensieve's player on one link.

The link's clock runs while bits flow and while the player sleeps. The round trip and the noise
lengthen a chunk's delay but not the link's clock, as in Pensieve. The link's position is kept twice, as seconds and as
Mbit carried since the trace's start: a download advances the Mbit and looks up the seconds, a sleep advances the
seconds and looks up the Mbit. Each look-up is one bisection, however many segments lie between.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right

from infraray.scenarios.abr.parameters import AdaptiveBitrateParameters
from infraray.scenarios.abr.throughput import Link


class Player:
    """A player with an empty buffer at the start of a link.

    ``buffer_s`` is the amount of buffered video; ``delay_s`` and ``stall_s`` are those of the last chunk, 0 before the
    first.
    """

    def __init__(self, link: Link, parameters: AdaptiveBitrateParameters) -> None:
        trace = link.trace
        self.buffer_s = 0.0
        self.delay_s = 0.0
        self.stall_s = 0.0
        self._times: list[float] = trace.times.tolist()
        self._rates: list[float] = trace.rates.tolist()
        self._carried: list[float] = trace.carried.tolist()
        self._duration = self._times[-1]
        self._capacity = self._carried[-1]
        self._clock = 0.0
        self._position = 0.0
        self._rtt = parameters.link_rtt_s
        self._payload_share = parameters.payload_share
        self._chunk = parameters.chunk_s
        self._threshold = parameters.buffer_threshold_s
        self._sleep = parameters.sleep_s
        if link.start_s:
            self._move_to(link.start_s)

    def fetch(self, size_mbit: float, delay_factor: float) -> None:
        """Downloads one chunk, then sleeps while the buffer is above the threshold."""
        target = self._position + size_mbit / self._payload_share
        passed = 0.0
        if target > self._capacity:
            passes = math.ceil(target / self._capacity) - 1.0
            target -= passes * self._capacity
            # Rounding must not leave the trace at either end.
            if target <= 0.0:
                target = self._capacity
                passes -= 1.0
            target = min(target, self._capacity)
            passed = passes * self._duration
        # The first breakpoint that has carried the target ends the segment in which the last bit flows.
        segment = bisect_left(self._carried, target) - 1
        end = self._times[segment] + (target - self._carried[segment]) / self._rates[segment]
        delay = (end - self._clock + passed + self._rtt) * delay_factor
        self.delay_s = delay
        left = self.buffer_s - delay
        if left < 0.0:
            self.stall_s = -left
            buffer = self._chunk
        else:
            self.stall_s = 0.0
            buffer = left + self._chunk
        if buffer > self._threshold:
            sleep = math.ceil((buffer - self._threshold) / self._sleep) * self._sleep
            self.buffer_s = buffer - sleep
            self._move_to(end + sleep)
        else:
            self.buffer_s = buffer
            self._clock = end
            self._position = target

    def _move_to(self, clock: float) -> None:
        """Puts the link at ``clock`` seconds after the trace's start."""
        if clock >= self._duration:
            clock -= math.floor(clock / self._duration) * self._duration
            clock = max(clock, 0.0)
        segment = min(bisect_right(self._times, clock), len(self._rates)) - 1
        self._clock = clock
        self._position = self._carried[segment] + (clock - self._times[segment]) * self._rates[segment]
