"""Workloads: the requests to send, and the traffic in which they arrive."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple, Self

from pydantic import field_validator, model_validator

from infraray.parameters import Parameters, parameter

Arrivals = Literal["burst", "poisson", "constant"]
Endpoint = Literal["chat", "completions"]
Objective = Literal["ttft", "tpot", "request_throughput", "balanced"]


class SeedPair(NamedTuple):
    """The seed of the requests used for tuning, and the seed of those behind the final score."""

    dev: int
    eval: int


SEED_PAIRS = (SeedPair(21, 1337), SeedPair(248, 428), SeedPair(999, 777))
"""InferenceBench, section 3.4 and appendix A.4."""


class Traffic(Parameters):
    """One way in which the requests arrive (InferenceBench, appendix A.3, "Profile semantics")."""

    arrivals: Arrivals = parameter(
        "burst", unit="", description="burst: all at once; poisson: exponential gaps; constant: equal gaps"
    )
    rate: float | None = parameter(
        None, gt=0, le=1e6, unit="requests/s", description="mean arrival rate; None for a burst"
    )
    concurrency: int | None = parameter(
        None, ge=1, le=1_000_000, unit="1", description="most requests in flight at a time; None sends each when due"
    )

    @model_validator(mode="after")
    def _rate_is_given_where_used(self) -> Self:
        if self.arrivals == "burst" and self.rate is not None:
            raise ValueError("rate is given but arrivals is 'burst'; leave out the rate or set arrivals: poisson")
        if self.arrivals != "burst" and self.rate is None:
            raise ValueError(f"arrivals is {self.arrivals!r} but no rate is given; set rate in requests/s")
        return self

    @property
    def label(self) -> str:
        """Such as ``poisson, 32 requests/s, at most 32 at a time``."""
        rate = "" if self.rate is None else f", {self.rate:g} requests/s"
        limit = "" if self.concurrency is None else f", at most {self.concurrency} at a time"
        return f"{self.arrivals}{rate}{limit}"


class ServiceLevel(Parameters):
    """The limits that a request must meet to count as good; None means no limit."""

    ttft_s: float | None = parameter(None, gt=0, unit="s", description="most time to the first token")
    tpot_s: float | None = parameter(None, gt=0, unit="s", description="most time per output token")
    e2e_s: float | None = parameter(None, gt=0, unit="s", description="most time to the end of the answer")

    @model_validator(mode="after")
    def _something_is_asked(self) -> Self:
        if self.ttft_s is None and self.tpot_s is None and self.e2e_s is None:
            raise ValueError("must set at least one of ttft_s, tpot_s, e2e_s")
        return self


class Workload(Parameters):
    """A set of requests, the traffic in which it is sent, and the metric that is scored."""

    input_tokens: int = parameter(
        1024, ge=1, le=10_000_000, unit="tokens", description="longest prompt, chat template included"
    )
    output_tokens: int = parameter(1024, ge=1, le=10_000_000, unit="tokens", description="longest output")
    length_ratio: float = parameter(
        0.8, gt=0, le=1, unit="1", description="shortest length over the longest; lengths are uniform between"
    )
    num_requests: int = parameter(64, ge=1, le=1_000_000, unit="1", description="requests of each traffic")
    traffic: tuple[Traffic, ...] = parameter(
        (Traffic(),), unit="", description="the same requests are sent in each, in order"
    )
    temperature: float = parameter(0.0, ge=0, le=100, unit="1", description="sampling temperature; 0 is greedy")
    ignore_eos: bool = parameter(True, unit="", description="whether every output must have its full length")
    endpoint: Endpoint = parameter("chat", unit="", description="/v1/chat/completions or /v1/completions")
    warmup_requests: int = parameter(
        2, ge=0, le=10_000, unit="1", description="unmeasured requests that are sent before, with prompts of their own"
    )
    request_timeout_s: float = parameter(
        600.0, gt=0, le=1e6, unit="s", description="how long one answer may take from its sending"
    )
    objective: Objective = parameter("request_throughput", unit="", description="the metric that is the score")
    service_level: ServiceLevel | None = parameter(None, unit="", description="what goodput asks of a request")

    @field_validator("traffic")
    @classmethod
    def _there_is_traffic(cls, traffic: tuple[Traffic, ...]) -> tuple[Traffic, ...]:
        if not 1 <= len(traffic) <= 16:
            raise ValueError("must hold 1 to 16 kinds of traffic")
        return traffic

    @model_validator(mode="after")
    def _has_the_tokens_that_are_scored(self) -> Self:
        if self.objective in ("tpot", "balanced") and self.shortest_output < 2:
            least = math.floor(1 / self.length_ratio) + 1
            raise ValueError(
                f"output_tokens={self.output_tokens}: objective {self.objective!r} takes the time between tokens, and "
                f"at length_ratio={self.length_ratio:g} an output may have only one; set output_tokens to at least "
                f"{least}, or another objective"
            )
        return self

    @property
    def peak_concurrency(self) -> int:
        """The most requests that can be in flight at a time in any traffic."""
        return max(min(one.concurrency or self.num_requests, self.num_requests) for one in self.traffic)

    @property
    def longest_sequence(self) -> int:
        """Tokens of the longest prompt with the longest output."""
        return self.input_tokens + self.output_tokens

    @property
    def shortest_input(self) -> int:
        """Tokens of the shortest prompt that may be drawn."""
        return math.ceil(self.input_tokens * self.length_ratio)

    @property
    def shortest_output(self) -> int:
        """Tokens of the shortest output that may be drawn."""
        return math.ceil(self.output_tokens * self.length_ratio)
