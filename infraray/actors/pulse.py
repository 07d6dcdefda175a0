"""Waits for Ray's answers, and notices when whoever should give them is gone.

When this node's raylet is killed, Ray lets its driver wait forever; when the GCS is killed, it aborts
the driver after a minute. So the driver waits in short steps and checks between them.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import ray
from ray.exceptions import GetTimeoutError

from infraray.errors import InfrarayError
from infraray.stopping import end_abruptly, is_command

LOOK_S = 1.0
CONNECT_S = 2.0
ELSEWHERE_S = 30.0
"""Seconds that the GCS of a cluster that we did not start may be away, for instance during a restart."""


class ClusterLost(InfrarayError):
    """Raised when the Ray cluster is gone for good."""


def wait(references: Sequence[Any], timeout_s: float | None = None, num_returns: int = 1) -> list[Any]:
    """All ``references`` that are ready, once ``num_returns`` are or the time is up.

    All, since a call's cost grows with the number of references, however many of them are ready.

    Raises:
        ClusterLost: they will never be ready.
    """
    give_up = time.monotonic() + (float("inf") if timeout_s is None else timeout_s)
    waited = list(references)
    while True:
        left_s = max(give_up - time.monotonic(), 0.0)
        done, _ = ray.wait(waited, num_returns=num_returns, timeout=min(LOOK_S, left_s))
        if len(done) >= num_returns or left_s <= LOOK_S:
            check_pulse()
            return list(ray.wait(waited, num_returns=len(waited), timeout=0)[0]) if len(waited) > len(done) else done
        check_pulse()


def get(reference: Any, timeout_s: float | None = None) -> Any:
    """The result of `ray.get`, or its exception.

    Raises:
        ClusterLost: there will never be one.
        GetTimeoutError: the time is up.
    """
    if not wait([reference], timeout_s):
        raise GetTimeoutError(f"no answer in {timeout_s:g} s")
    return ray.get(reference)


@contextmanager
def watched() -> Iterator[None]:
    """Makes a command end if its cluster is lost, even inside one of Ray's own calls.

    In a program that calls us, `ClusterLost` is raised where it waits.
    """
    left = threading.Event()

    def watch() -> None:
        while not left.wait(LOOK_S):
            try:
                _look()
            except ClusterLost as lost:
                if not left.is_set():
                    end_abruptly(f"error: {lost}", 2)

    if is_command():
        threading.Thread(target=watch, name="pulse", daemon=True).start()
    try:
        yield
    finally:
        left.set()


_looked_at = 0.0
_away_since: float | None = None


def check_pulse() -> None:
    """Checks, at most once in `LOOK_S`, that this node's raylet and the cluster's GCS are alive; see `watched`.

    Raises:
        ClusterLost: one of them is not.
    """
    global _looked_at
    now = time.monotonic()
    if not is_command() and now - _looked_at >= LOOK_S:
        _looked_at = now
        _look()


def _look() -> None:
    global _away_since
    node = ray._private.worker._global_node
    for kind, title in (("raylet", "raylet"), ("gcs_server", "GCS")):
        for started in node.all_processes.get(kind, ()):
            if started.process.poll() is not None:
                raise _lost(f"its {title} was ended (status {started.process.returncode})")
    if "gcs_server" in node.all_processes:
        return
    if not _answers(socket.AF_UNIX, node.raylet_socket_name):
        raise _lost("this node's raylet does not answer")
    host, _, port = node.gcs_address.rpartition(":")
    if _answers(socket.AF_INET6 if ":" in host else socket.AF_INET, (host.strip("[]"), int(port))):
        _away_since = None
        return
    now = time.monotonic()
    _away_since = now if _away_since is None else _away_since
    if now - _away_since > ELSEWHERE_S:
        raise _lost(f"its GCS at {node.gcs_address} has not answered for {ELSEWHERE_S:g} s")


def _answers(family: socket.AddressFamily, address: Any) -> bool:
    with suppress(OSError), socket.socket(family) as asked:
        asked.settimeout(CONNECT_S)
        asked.connect(address)
        return True
    return False


def _lost(reason: str) -> ClusterLost:
    return ClusterLost(
        f"the Ray cluster is lost: {reason}; what is collected is kept; give the same command again to continue"
    )
