"""One request and its answer as they went over the wire, before decoding."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Failure = Literal[
    "unreachable",
    "refused",
    "closed",
    "malformed",
    "timeout",
    "unfinished",
    "server_error",
    "incomplete",
    "wrong_length",
]
"""Why a request failed.

- unreachable: no connection;
- refused: an HTTP status other than 200, or the equivalent error inside a 200;
- closed: the server closed the connection in the middle;
- malformed: not HTTP, not server-sent events, or no JSON in them;
- timeout: not finished within the workload's ``request_timeout_s``;
- unfinished: not finished, or not sent, when the measurement's time was up;
- server_error: the stream held an error, or ended because of a server fault;
- incomplete: the stream ended without a finish reason;
- wrong_length: the output has more tokens than requested, or fewer although ``ignore_eos`` was set.
"""


@dataclass(slots=True)
class Exchange:
    """Filled in as it happens; all times are in seconds from the start of the measurement.

    Args:
        index: the request's index in its set.
        due_s: when the schedule wanted it sent.
        ready_s: when it could be sent: due, with a free slot under the concurrency limit.
        sent_s: when the client began to send it, including any connecting; None if never.
        finished_s: when its last byte was read, or it failed.
        receive_lag_s: the longest time that bytes of the answer waited in the kernel before they were read.
        received: all bytes of the answer, including head and framing.
        read_times: when each read returned.
        read_ends: the number of bytes received after each read.
        body_start: the offset of the body in ``received``; 0 while the head is incomplete.
        chunked: whether the body is in chunked framing.
        status: the HTTP status, 0 while unknown.
        failure: why it failed on the wire; None if it did not.
        reason: the failure in words.
    """

    index: int
    due_s: float
    ready_s: float
    sent_s: float | None = None
    finished_s: float = 0.0
    receive_lag_s: float = 0.0
    received: bytearray = field(default_factory=bytearray)
    read_times: list[float] = field(default_factory=list)
    read_ends: list[int] = field(default_factory=list)
    body_start: int = 0
    chunked: bool = False
    status: int = 0
    failure: Failure | None = None
    reason: str = ""
