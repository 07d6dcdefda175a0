"""A server that lets somebody else do the work.

An engine answers from its own memory. While it is probed, its processes hold connections to each
other and to their clients, and to nobody else; one that asks another server has a connection open
whenever an answer is on its way. What engines report about their use is a request of well below a
second at the start and then every few minutes; a finding needs a connection in one look of five.
"""

from __future__ import annotations

from infraray.scenarios.inference.integrity.evidence import Evidence
from infraray.scenarios.inference.integrity.finding import Finding, NotChecked

SHARE = 0.2
"""Of the looks, that may find a connection to the outside."""
LEAST_LOOKS = 3


def check(evidence: Evidence) -> Finding | None:
    """Counts the looks that found somebody."""
    log = evidence.connections
    if log is None or log.looks < LEAST_LOOKS:
        raise NotChecked("the server's processes were not watched")
    if log.with_outside <= SHARE * log.looks:
        return None
    most = max(log.seen, key=lambda connection: log.seen[connection])
    return Finding(
        "connections",
        f"the server was connected to somebody else in {log.with_outside} of {log.looks} looks while it was probed, "
        f"such as {most.process} to {most.remote} ({most.protocol})",
        {"with_outside": log.with_outside, "looks": log.looks},
    )
