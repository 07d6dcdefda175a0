"""Detects a server that lets somebody else do the work.

An engine answers from its own memory. While it works, its processes have connections to each other and to their
clients, and to nobody else; one that asks another server has a connection open whenever an answer is on its way. It is
watched separately while it is measured and while it is probed, so one that only offloads the workload is found too.
Usage reports by engines are requests of well below a second, at the start and then every few minutes; a finding needs
a connection in one look out of five, and for more than a second.
"""

from __future__ import annotations

from infraray.scenarios.inference.integrity.connection_watch import LEAST_LOOKS
from infraray.scenarios.inference.integrity.evidence import PHASES, Evidence
from infraray.scenarios.inference.integrity.finding import Finding, NotChecked

SHARE = 0.2
"""Share of looks that may find an outside connection."""
REPORT_S = 1.0
"""Seconds that an engine's usage report may take."""


def check(evidence: Evidence) -> Finding | None:
    """Counts the looks with outside connections in each phase."""
    for phase in PHASES:
        log = evidence.connections.get(phase)
        if log is None or log.looks < LEAST_LOOKS:
            raise NotChecked(f"the server's processes were not watched while it was {phase}")
        if log.failure is not None:
            raise NotChecked(f"the watch on the server's processes ended while it was {phase} ({log.failure})")
    for phase in PHASES:
        log = evidence.connections[phase]
        if log.with_outside > SHARE * log.looks and log.outside_s > REPORT_S:
            most = max(log.seen, key=log.seen.__getitem__)
            return Finding(
                "connections",
                f"the server was connected to somebody else in {log.with_outside} of {log.looks} looks while it was "
                f"{phase}, such as {most.process} to {most.remote} ({most.protocol})",
                {"with_outside": log.with_outside, "looks": log.looks, "outside_s": log.outside_s},
            )
    return None
