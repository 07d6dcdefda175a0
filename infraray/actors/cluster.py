"""Starting a local Ray cluster, or joining the one that is there."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from infraray.errors import InfrarayError


@contextmanager
def ray_cluster(num_cpus: int | None = None) -> Iterator[None]:
    """Connects to Ray and disconnects at the end.

    Joins the cluster that ``RAY_ADDRESS`` names (inside ``ray job submit`` it is set), otherwise
    starts one on this machine that ends with the process. A connection that the caller opened
    is used and left open.

    Args:
        num_cpus: CPUs of a cluster that is started here; None takes all.

    Raises:
        InfrarayError: the cluster that ``RAY_ADDRESS`` names cannot be reached.
    """
    # Set before the import, which reads them: no usage report, no deprecated override of GPU visibility, and
    # no tracebacks of results that nobody waits for any more because the first failure has ended the run.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_IGNORE_UNHANDLED_ERRORS", "1")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    import ray

    if ray.is_initialized():
        yield
        return
    address = os.environ.get("RAY_ADDRESS") or "local"
    options = {"include_dashboard": False, "num_cpus": num_cpus} if address == "local" else {}
    if address != "local":
        _check_reachable(address)
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **options)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise _no_cluster(address, " ".join(str(error).split())[:200]) from None
    try:
        yield
    finally:
        ray.shutdown()


def _check_reachable(address: str) -> None:
    """Refuses at once an address that Ray itself would try for minutes.

    Raises:
        InfrarayError: nothing listens there, or it is an address of another kind.
    """
    if address == "auto":
        # Where Ray notes the cluster that was started last on this machine; it may be gone.
        from ray._private.utils import read_ray_address

        found = read_ray_address()
        if found is None:
            raise _no_cluster(address, "none was started on this machine")
        host, colon, port = found.rpartition(":")
    else:
        host, colon, port = address.rpartition(":")
    if "://" in address or not colon or not port.isdigit():
        raise InfrarayError(
            f"RAY_ADDRESS={address!r}: must be host:port, 'auto' or 'local'; "
            "to reach a cluster from outside use 'ray job submit', see clusters/"
        )
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except (OSError, OverflowError) as error:
        raise _no_cluster(address, str(error)) from None


def _no_cluster(address: str, reason: str) -> InfrarayError:
    return InfrarayError(
        f"RAY_ADDRESS={address!r}: no Ray cluster answers ({reason}); "
        "start one with 'ray start --head' or unset RAY_ADDRESS"
    )
