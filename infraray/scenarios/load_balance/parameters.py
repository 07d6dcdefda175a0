"""The parameters of load balancing."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import field_validator, model_validator

from infraray.conditions import Is, IsNot
from infraray.parameters import Parameters, file_sha256, parameter

BURSTY = (Is("arrivals", "bursty"),)
Seen = Literal["queue_lengths", "work_left", "service_rates", "job_size"]


class LoadBalanceParameters(Parameters):
    """The servers, the jobs, and what the agent sees of them."""

    num_servers: int = parameter(
        5, ge=1, le=1000, unit="1", description="servers", only_when=(Is("service_rates", None),)
    )
    slowest_rate: float = parameter(
        0.5,
        ge=1e-9,
        le=1e6,
        unit="work/s",
        description="service rate of server 0",
        only_when=(Is("service_rates", None),),
    )
    fastest_rate: float = parameter(
        2.0,
        ge=1e-9,
        le=1e6,
        unit="work/s",
        description="service rate of the last server; rates rise evenly between",
        only_when=(Is("service_rates", None), IsNot("num_servers", 1)),
    )
    service_rates: tuple[float, ...] | None = parameter(
        None, unit="work/s", description="every server's rate, in place of the three parameters above"
    )
    arrivals: Literal["poisson", "bursty", "trace"] = parameter("poisson", unit="", description="arrival process")
    utilisation: float = parameter(
        0.8,
        gt=0,
        le=2,
        unit="1",
        description="mean work arriving per second over the sum of the rates",
        only_when=(IsNot("arrivals", "trace"),),
    )
    burst_factor: float = parameter(
        5.0, ge=1, le=1e3, unit="1", description="arrival rate in a burst over calm", only_when=BURSTY
    )
    burst_share: float = parameter(
        0.2, gt=0, lt=1, unit="1", description="share of the time that is burst", only_when=BURSTY
    )
    burst_length: float = parameter(
        20.0, ge=0.01, le=1e6, unit="1", description="mean jobs that arrive in one burst", only_when=BURSTY
    )
    job_sizes: Literal["pareto", "lognormal", "exponential", "trace"] = parameter(
        "pareto", unit="", description="distribution of job sizes"
    )
    mean_job_size: float = parameter(
        1.0, gt=0, le=1e9, unit="work", description="mean job size", only_when=(IsNot("job_sizes", "trace"),)
    )
    pareto_shape: float = parameter(
        1.5,
        gt=1,
        le=100,
        unit="1",
        description="tail index; infinite variance up to 2",
        only_when=(Is("job_sizes", "pareto"),),
    )
    lognormal_sigma: float = parameter(
        1.5,
        gt=0,
        le=5,
        unit="1",
        description="standard deviation of the logarithm",
        only_when=(Is("job_sizes", "lognormal"),),
    )
    trace: str | None = parameter(
        None,
        unit="",
        description="CSV file with a header and columns arrival_s,size; each task plays a window of it",
        only_when=(Is(("arrivals", "job_sizes"), "trace"),),
    )
    observe: tuple[Seen, ...] = parameter(
        ("queue_lengths", "work_left", "service_rates", "job_size"), unit="", description="what the agent sees"
    )
    warmup_steps: int = parameter(50, ge=0, le=1_000_000, unit="1", description="jobs before scoring starts")
    scored_steps: int = parameter(200, ge=1, le=1_000_000, unit="1", description="jobs that are scored")

    @field_validator("service_rates")
    @classmethod
    def _rates_are_positive(cls, rates: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if rates is not None and (not rates or len(rates) > 1000 or not all(1e-9 <= rate <= 1e6 for rate in rates)):
            raise ValueError("must hold 1 to 1000 rates, each from 1e-9 to 1e6")
        return rates

    @field_validator("observe")
    @classmethod
    def _something_is_seen(cls, observe: tuple[Seen, ...]) -> tuple[Seen, ...]:
        if not observe or len(set(observe)) != len(observe):
            raise ValueError("must name at least one field, each once")
        return observe

    @model_validator(mode="before")
    @classmethod
    def _servers_are_counted_once(cls, given: Any) -> Any:
        # Counts other than the default are refused like everything without effect. The default itself is accepted, as
        # parameters stored in full name every default.
        if isinstance(given, dict) and len(given) < len(cls.model_fields):
            rates, count = given.get("service_rates"), given.get("num_servers")
            if isinstance(rates, list | tuple) and count == cls.model_fields["num_servers"].default != len(rates):
                raise ValueError(
                    f"num_servers={count}: has no effect: service_rates is given, for {len(rates)}; leave it out"
                )
        return given

    @model_validator(mode="after")
    def _rates_rise(self) -> Self:
        if self.service_rates is None and self.slowest_rate > self.fastest_rate:
            raise ValueError(
                f"slowest_rate={self.slowest_rate:g} is above fastest_rate={self.fastest_rate:g}; swap them"
            )
        return self

    @model_validator(mode="after")
    def _trace_is_given_where_used(self) -> Self:
        used = "trace" in (self.arrivals, self.job_sizes)
        if used and self.trace is None:
            raise ValueError("arrivals or job_sizes is 'trace' but no trace is given; set trace: path/to/file.csv")
        return self

    @property
    def rates(self) -> NDArray[np.float64]:
        """Service rates in work/s, one entry per server."""
        if self.service_rates is not None:
            return np.array(self.service_rates)
        return np.linspace(self.slowest_rate, self.fastest_rate, self.num_servers)

    @property
    def num_jobs(self) -> int:
        """Number of jobs in an episode."""
        return self.warmup_steps + self.scored_steps

    def files(self) -> dict[str, str]:
        """The trace, if one is used."""
        return {self.trace: file_sha256(self.trace)} if self.trace is not None else {}
