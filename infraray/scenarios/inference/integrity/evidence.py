"""Everything that the integrity checks examine: gathered first, judged afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from infraray.hardware.roofline import Roofline
from infraray.load.requests import Request
from infraray.load.responses import Response
from infraray.load.workloads import Workload
from infraray.scenarios.inference.integrity.connection_watch import ConnectionLog
from infraray.scenarios.inference.integrity.opinion import Opinion
from infraray.scenarios.inference.integrity.probes import ProbeAnswers

Phase = Literal["measured", "probed"]
"""The phases in which a server is watched: the workload's requests, and the gates' own."""
PHASES: tuple[Phase, ...] = get_args(Phase)


@dataclass(frozen=True)
class Evidence:
    """One server's measurement and its answers to further questions; None for what could not be obtained.

    Args:
        workload: the measured workload.
        requests: the requests that were sent.
        traffics: the server's answers, one sequence per traffic, in the order of measurement.
        reference: the reference server's answers to the same requests.
        roofline: the model on the device that the server had.
        probes: the server's answers to the probes.
        opinion: the reference server's view of the server's texts.
        connections: the connections of the server's processes, by phase.
    """

    workload: Workload
    requests: Sequence[Request]
    traffics: Sequence[Sequence[Response]]
    reference: Sequence[Response] = ()
    roofline: Roofline | None = None
    probes: ProbeAnswers | None = None
    opinion: Opinion | None = None
    connections: Mapping[Phase, ConnectionLog] = field(default_factory=dict)

    @property
    def successes(self) -> list[Response]:
        """The server's successful answers in all traffics."""
        return [response for traffic in self.traffics for response in traffic if response.failure is None]
