"""The parameters of caching."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from infraray.conditions import Is, IsNot
from infraray.parameters import Parameters, file_sha256, parameter

Workload = Literal["zipf", "recorded", "trace"]
ZIPF = (Is("workload", "zipf"),)
UNEQUAL = (*ZIPF, IsNot("sizes", "equal"))
TRACE = (Is("workload", "trace"),)
TraceFormat = Literal["csv", "oracle_general", "twitter", "wikimedia"]


class CachingParameters(Parameters):
    """The cache, the kind of decision, and the requests."""

    decision: Literal["eviction", "admission"] = parameter(
        "eviction", unit="", description="what the agent decides: which object makes room, or only whether to admit"
    )
    eviction: Literal["fifo", "lru", "lfu", "sieve", "s3_fifo", "arc", "w_tiny_lfu"] = parameter(
        "lru",
        unit="",
        description="policy that makes room if the agent only decides on admission",
        only_when=(Is("decision", "admission"),),
    )
    capacity_bytes: int = parameter(524_288, ge=1, le=2**50, unit="byte", description="what the cache holds")
    candidates: int = parameter(
        64, ge=1, le=1024, unit="1", description="cached objects that the agent sees (and may evict), oldest use first"
    )
    max_hits_per_step: int = parameter(
        16, ge=1, le=1024, unit="1", description="requests without a decision that may go by in one step"
    )
    workload: Workload = parameter(
        "zipf", unit="", description="drawn requests, the included recorded trace, or a trace of your own"
    )
    num_objects: int = parameter(300, ge=1, le=1_000_000, unit="1", description="objects outside scans", only_when=ZIPF)
    zipf_exponent: float = parameter(
        1.0,
        ge=0,
        le=5,
        unit="1",
        description="the r-th most popular object has weight 1 / r^zipf_exponent",
        only_when=ZIPF,
    )
    drift_interval: int = parameter(
        300,
        ge=0,
        le=1_000_000,
        unit="1",
        description="requests between two changes of popularity, 0 for none",
        only_when=ZIPF,
    )
    drift_share: float = parameter(
        0.1,
        ge=0,
        le=1,
        unit="1",
        description="share of the objects that exchange their popularity in a change",
        only_when=(*ZIPF, IsNot("drift_interval", 0)),
    )
    scan_share: float = parameter(
        0.1,
        ge=0,
        lt=1,
        unit="1",
        description="share of the requests that belong to scans over fresh objects",
        only_when=ZIPF,
    )
    scan_length: int = parameter(
        20,
        ge=1,
        le=1_000_000,
        unit="1",
        description="requests of one scan",
        only_when=(*ZIPF, IsNot("scan_share", 0)),
    )
    sizes: Literal["lognormal", "pareto", "equal"] = parameter(
        "lognormal", unit="", description="distribution of object sizes", only_when=ZIPF
    )
    median_size_bytes: int = parameter(
        12_288,
        ge=1,
        le=2**40,
        unit="byte",
        description="median size; every size where sizes are equal",
        only_when=ZIPF,
    )
    min_size_bytes: int = parameter(
        8_192, ge=1, le=2**40, unit="byte", description="smaller draws are raised", only_when=UNEQUAL
    )
    max_size_bytes: int = parameter(
        262_144, ge=1, le=2**40, unit="byte", description="larger draws are cut", only_when=UNEQUAL
    )
    lognormal_sigma: float = parameter(
        0.7,
        gt=0,
        le=5,
        unit="1",
        description="standard deviation of log size",
        only_when=(*ZIPF, Is("sizes", "lognormal")),
    )
    pareto_shape: float = parameter(
        1.2, ge=0.01, le=100, unit="1", description="tail index of sizes", only_when=(*ZIPF, Is("sizes", "pareto"))
    )
    size_correlation: float = parameter(
        0.0,
        ge=-1,
        le=1,
        unit="1",
        description="correlation of size and popularity; 1: the most popular is the largest",
        only_when=UNEQUAL,
    )
    trace: str | None = parameter(
        None, unit="", description="file for workload trace; each task plays a window of it", only_when=TRACE
    )
    trace_format: TraceFormat = parameter("csv", unit="", description="how the trace is written", only_when=TRACE)
    warmup_requests: int = parameter(200, ge=0, le=1_000_000, unit="1", description="requests before scoring starts")
    scored_requests: int = parameter(1000, ge=1, le=1_000_000, unit="1", description="requests that are scored")

    @model_validator(mode="after")
    def _sizes_are_in_order(self) -> Self:
        if self.workload == "zipf" and self.sizes != "equal":
            if not self.min_size_bytes <= self.median_size_bytes <= self.max_size_bytes:
                raise ValueError("min_size_bytes, median_size_bytes and max_size_bytes must rise in this order")
        return self

    @model_validator(mode="after")
    def _trace_is_given_where_used(self) -> Self:
        if self.workload == "trace" and self.trace is None:
            raise ValueError("workload is 'trace' but no trace is given; set trace: path/to/file")
        return self

    @property
    def num_requests(self) -> int:
        """Number of requests in an episode."""
        return self.warmup_requests + self.scored_requests

    def files(self) -> dict[str, str]:
        """The trace, if one is used."""
        return {self.trace: file_sha256(self.trace)} if self.trace is not None else {}
