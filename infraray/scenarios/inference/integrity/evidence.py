"""Everything that the integrity checks look at. Gathered first, judged afterwards."""

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
"""What a server is watched during: the workload's requests, and what only the gates ask."""
PHASES: tuple[Phase, ...] = get_args(Phase)


@dataclass(frozen=True)
class Evidence:
    """One server's measurement and what was asked of it besides; None is what could not be had.

    Args:
        workload: what was measured.
        requests: the requests that were sent.
        traffics: the server's answers, one sequence a traffic, in the order in which they were measured.
        reference: the reference server's answers to the same requests.
        roofline: the model on the device that the server had.
        probes: the server's answers to the probes.
        opinion: what the reference server says about the server's texts.
        connections: to whom the server's processes talked, by phase.
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
        """The server's answers that succeeded, of all traffics."""
        return [response for traffic in self.traffics for response in traffic if response.failure is None]
