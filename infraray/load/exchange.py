"""One request and its answer as they went over the wire, before anything of it is decoded."""

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
- refused: an HTTP status other than 200, or an error inside a 200 that stands for one;
- closed: the server closed the connection in the middle;
- malformed: no HTTP, no server-sent events, or no JSON in them;
- timeout: no end within the workload's ``request_timeout_s``;
- unfinished: not at its end, or not sent, when the measurement's time was over;
- server_error: the stream held an error, or ended by a fault of the server's;
- incomplete: the stream ended without a finish reason;
- wrong_length: the output has more tokens than asked for, or fewer though ``ignore_eos`` was asked.
"""


@dataclass(slots=True)
class Exchange:
    """Written while it goes on; all times are in seconds from the start of the measurement.

    Args:
        index: the request's place in its set.
        due_s: when the schedule wanted it sent.
        ready_s: when it could be sent: due, and a place free under the concurrency limit.
        sent_s: when the client began to send it, before connecting where it had to; None if never.
        finished_s: when its last byte was read, or it failed.
        receive_lag_s: the longest that bytes of the answer lay in the kernel before they were read.
        received: all bytes of the answer, head and framing included.
        read_times: when each read returned.
        read_ends: how many bytes had been received after each read.
        body_start: where the body begins in ``received``; 0 while the head is not complete.
        chunked: whether the body is in chunked framing.
        status: the HTTP status, 0 while it is not known.
        failure: why it failed on the wire; None where it did not.
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
