"""The parameters of adaptive bitrate."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Literal, Self

from pydantic import field_validator, model_validator

from infraray.conditions import Is, IsNot
from infraray.parameters import Parameters, file_sha256, parameter

GENERATED = (IsNot("throughput", "file"),)


class AdaptiveBitrateParameters(Parameters):
    """The video, the link, the player and the viewer's preferences."""

    bitrates_kbps: tuple[float, ...] = parameter(
        (300.0, 750.0, 1200.0, 1850.0, 2850.0, 4300.0),
        unit="kbit/s",
        description="mean bitrate of each quality, rising",
    )
    chunk_s: float = parameter(4.0, gt=0, le=60, unit="s", description="playing time of one chunk")
    chunk_sizes: Literal["variable", "file"] = parameter(
        "variable", unit="", description="where chunk sizes come from: a variable-bitrate generator or the file video"
    )
    size_variation: float = parameter(
        0.2,
        ge=0,
        le=1,
        unit="1",
        description="standard deviation of the logarithm of chunk sizes; 0 is constant",
        only_when=(Is("chunk_sizes", "variable"),),
    )
    size_correlation: float = parameter(
        0.9,
        ge=0,
        le=1,
        unit="1",
        description="correlation of the sizes of one chunk's qualities",
        only_when=(Is("chunk_sizes", "variable"), IsNot("size_variation", 0)),
    )
    video: str | None = parameter(
        None,
        unit="",
        description="file with one line per chunk: its bytes at each quality; repeated at its end",
        only_when=(Is("chunk_sizes", "file"),),
    )
    throughput: Literal["markov", "step", "dropout", "cellular", "file"] = parameter(
        "markov", unit="", description="where the link's throughput comes from: a generator or the files of trace"
    )
    trace: str | None = parameter(
        None,
        unit="",
        description="file, or directory of files, in Mahimahi or 'time Mbit/s' form; a task plays one from an offset",
        only_when=(Is("throughput", "file"),),
    )
    trace_length_s: float = parameter(
        320.0,
        ge=10,
        le=100_000,
        unit="s",
        description="length of a generated trace, which is repeated at its end",
        only_when=GENERATED,
    )
    lowest_mbps: float = parameter(
        0.2, ge=0.001, le=1e5, unit="Mbit/s", description="lowest generated throughput", only_when=GENERATED
    )
    highest_mbps: float = parameter(
        4.3, ge=0.001, le=1e5, unit="Mbit/s", description="highest generated throughput", only_when=GENERATED
    )
    markov_states: int = parameter(
        10,
        ge=1,
        le=1000,
        unit="1",
        description="levels of mean throughput",
        only_when=(Is("throughput", "markov"),),
    )
    switch_probability: float = parameter(
        0.1,
        ge=0,
        le=1,
        unit="1/s",
        description="probability of a change of state in each second",
        only_when=(Is("throughput", "markov"), IsNot("markov_states", 1)),
    )
    step_length_s: float = parameter(
        30.0, ge=1, le=1e5, unit="s", description="mean time on one level", only_when=(Is("throughput", "step"),)
    )
    dropout_interval_s: float = parameter(
        40.0,
        ge=1,
        le=1e5,
        unit="s",
        description="mean time from one outage's end to the next",
        only_when=(Is("throughput", "dropout"),),
    )
    dropout_length_s: float = parameter(
        5.0,
        ge=1,
        le=1e3,
        unit="s",
        description="mean length of an outage",
        only_when=(Is("throughput", "dropout"),),
    )
    fading_time_s: float = parameter(
        8.0,
        gt=0,
        le=1e4,
        unit="s",
        description="time over which throughput forgets its past",
        only_when=(Is("throughput", "cellular"),),
    )
    link_rtt_s: float = parameter(0.08, ge=0.001, le=10, unit="s", description="round trip before each chunk")
    payload_share: float = parameter(0.95, gt=0, le=1, unit="1", description="share of the link's bits that is video")
    delay_noise: float = parameter(
        0.0, ge=0, le=0.9, unit="1", description="half width of a uniform factor around 1 on each chunk's delay"
    )
    buffer_threshold_s: float = parameter(
        60.0, ge=1, le=3600, unit="s", description="buffer above which the player sleeps before it asks for more"
    )
    sleep_s: float = parameter(0.5, gt=0, le=1, unit="s", description="the player sleeps in multiples of this")
    initial_quality: int = parameter(
        1, ge=0, unit="1", description="quality that the first chunk's change is measured against"
    )
    quality_weight: float = parameter(1.0, gt=0, le=1e3, unit="1", description="QoE of 1 Mbit/s of bitrate")
    stall_weight: float = parameter(4.3, ge=0, le=1e3, unit="1/s", description="QoE lost by a second of stall")
    switch_weight: float = parameter(1.0, ge=0, le=1e3, unit="1", description="QoE lost by a change of 1 Mbit/s")
    history: int = parameter(8, ge=1, le=100, unit="1", description="past throughputs that are observed")
    horizon: int = parameter(5, ge=1, le=50, unit="1", description="coming chunks whose sizes are observed")
    warmup_steps: int = parameter(50, ge=0, le=1_000_000, unit="1", description="chunks before scoring starts")
    scored_steps: int = parameter(200, ge=1, le=1_000_000, unit="1", description="chunks that are scored")

    @field_validator("bitrates_kbps")
    @classmethod
    def _bitrates_rise(cls, bitrates: tuple[float, ...]) -> tuple[float, ...]:
        ordered = all(low < high for low, high in pairwise(bitrates))
        if not 2 <= len(bitrates) <= 100 or not ordered or bitrates[0] < 1 or bitrates[-1] > 1e6:
            raise ValueError("must hold 2 to 100 bitrates from 1 to 1e6 kbit/s, each above the one before")
        return bitrates

    @model_validator(mode="after")
    def _values_fit_together(self) -> Self:
        if self.lowest_mbps > self.highest_mbps:
            raise ValueError(f"lowest_mbps={self.lowest_mbps} is above highest_mbps={self.highest_mbps}; swap them")
        if self.initial_quality >= len(self.bitrates_kbps):
            raise ValueError(
                f"initial_quality={self.initial_quality} does not exist; bitrates_kbps has qualities 0 to "
                f"{len(self.bitrates_kbps) - 1}"
            )
        for choice, path, name in (("chunk_sizes", self.video, "video"), ("throughput", self.trace, "trace")):
            if getattr(self, choice) == "file" and path is None:
                raise ValueError(f"{choice} is 'file' but no {name} is given; set {name}: path/to/file")
        return self

    @property
    def num_chunks(self) -> int:
        """Number of chunks in an episode."""
        return self.warmup_steps + self.scored_steps

    @property
    def bitrates_mbps(self) -> tuple[float, ...]:
        """Mean bitrate of each quality in Mbit/s."""
        return tuple(bitrate / 1000 for bitrate in self.bitrates_kbps)

    def gains(self) -> list[list[float]]:
        """QoE of a chunk without stall, in row ``previous quality`` and column ``quality``."""
        bitrates = self.bitrates_mbps
        return [
            [self.quality_weight * bitrate - self.switch_weight * abs(bitrate - previous) for bitrate in bitrates]
            for previous in bitrates
        ]

    def trace_files(self) -> tuple[str, ...]:
        """The throughput files: ``trace`` itself, or the files in it sorted by name, without hidden ones."""
        if self.trace is None:
            return ()
        path = Path(self.trace)
        if not path.is_dir():
            return (self.trace,)
        return tuple(str(found) for found in sorted(path.iterdir()) if found.is_file() and found.name[0] != ".")

    def files(self) -> dict[str, str]:
        """The video's and the traces' files, if any are used."""
        named = (*self.trace_files(), *((self.video,) if self.video is not None else ()))
        return {path: file_sha256(path) for path in named}
