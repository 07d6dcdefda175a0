"""Starts a local Ray cluster, or joins an existing one."""

from __future__ import annotations

import logging
import os
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress

from infraray.actors.cluster_token import token_problem
from infraray.actors.ray_processes import only_what_runs_need
from infraray.actors.sessions import OwnSessions, session_root, sweep_sessions
from infraray.errors import InfrarayError
from infraray.stopping import ending_abruptly, is_command
from infraray.user_code import describe_failure

CPU_WAIT_S = 20.0
"""Seconds that a cluster without a CPU may take to get one, as an autoscaling one does."""

_HTTP2_GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
"""The first bytes from a gRPC client, such as Ray's (RFC 9113, 3.4); a server answers with settings of its own."""
_FRAME_HEAD_BYTES = 9
_SETTINGS = b"\x04"

_SOCKET_PATH_BYTES = 107
_LONGEST_SOCKET = "sockets/plasma_store"


@contextmanager
def ray_cluster(num_cpus: int | None = None) -> Iterator[None]:
    """Connects to Ray and disconnects at the end.

    Joins the cluster that ``RAY_ADDRESS`` names (inside ``ray job submit`` it is set), otherwise
    starts one on this machine that ends with the process. A connection that the caller opened
    is used and left open.

    Args:
        num_cpus: CPUs of a cluster that is started here; None for all.

    Raises:
        InfrarayError: the cluster that ``RAY_ADDRESS`` names cannot be reached or has no CPU, or none can be
            started here.
    """
    # Set before the import, which reads them: no usage report, no deprecated override of GPU visibility, and
    # no tracebacks of results that nobody waits for any more since the first failure ended the run.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_IGNORE_UNHANDLED_ERRORS", "1")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    # For the actors, which handle a few episodes at a time: Arrow's own allocator keeps some 15 MiB in each of them.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    import ray

    if ray.is_initialized():
        yield
        return
    address = check_cluster()
    options = {"include_dashboard": False, "num_cpus": num_cpus} if address == "local" else {}
    _keep_from_ray()
    sessions = OwnSessions() if address == "local" else None
    with ending_abruptly() as last:
        if sessions is not None:
            last.append(sessions.remove)
        try:
            with only_what_runs_need() if address == "local" else nullcontext():
                ray.init(address=address, log_to_driver=False, logging_level=logging.CRITICAL, **options)
        except Exception as error:  # Ray raises whatever the failed part raises, and a bare Exception after a timeout
            with suppress(Exception):
                ray.shutdown()
            if sessions is not None:
                sessions.mark()  # its logs stay until the next start
            raise _not_started(address, describe_failure(error, named=False)) from error
        try:
            if sessions is not None:
                sessions.mark()
                sweep_sessions()
            _check_cpus(address)
            from infraray.actors.pulse import watched

            with watched():
                yield
        finally:
            ray.shutdown()
            if sessions is not None:
                sessions.remove()


def _keep_from_ray() -> None:
    """Protects standard output, where Ray prints a page about each process that died, and our SIGTERM handler."""
    import ray

    ray._private.worker.print_to_stdstream = lambda *_, **__: None
    if is_command():
        ray._private.utils.set_sigterm_handler = lambda handler: None


def check_cluster() -> str:
    """Finds, without starting anything, what Ray would join or start; returns its address.

    Raises:
        InfrarayError: no cluster answers at ``RAY_ADDRESS``, or the folder for Ray's files cannot be used.
    """
    address = os.environ.get("RAY_ADDRESS") or "local"
    if address == "local":
        _check_folder()
    else:
        _check_reachable(address)
    return address


def _check_folder() -> None:
    """Refuses a folder in which Ray's sockets cannot be made.

    Raises:
        InfrarayError: it cannot be written, or its path is too long for sockets inside.
    """
    setting, given = session_root()
    which = f"{setting}={given!r}" if setting else given
    fix = "set RAY_TMPDIR to another folder, such as one in /tmp"
    if not os.path.isabs(given):
        raise InfrarayError(f"{which}: must be an absolute path; {fix}")
    longest = os.path.join(given, "ray", f"session_{'0' * 26}_{os.getpid()}", _LONGEST_SOCKET)
    excess = len(os.fsencode(longest)) - _SOCKET_PATH_BYTES
    if excess > 0:
        raise InfrarayError(f"{which}: is {excess} bytes too long for the sockets that Ray makes inside; {fix}")
    folder = os.path.join(given, "ray")
    try:
        os.makedirs(folder, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as inside, socket.socket(socket.AF_UNIX) as tried:
            tried.bind(os.path.join(inside, "socket"))
            with open(os.path.join(inside, "file"), "wb") as file:
                file.write(bytes(4096))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InfrarayError(f"{which}: Ray cannot keep its files there ({reason}); {fix}") from None


def _check_cpus(address: str) -> None:
    """Waits a little for the first CPU of a growing cluster.

    Raises:
        InfrarayError: it gets none.
    """
    import ray

    give_up = time.monotonic() + CPU_WAIT_S
    while ray.cluster_resources().get("CPU", 0) < 1:
        if time.monotonic() > give_up:
            raise InfrarayError(
                f"RAY_ADDRESS={address!r}: the Ray cluster has no CPU to play on; "
                "add a node to it, or start it with --num-cpus of at least 1"
            )
        time.sleep(0.5)


def _check_reachable(address: str) -> None:
    """Immediately refuses an address that Ray itself would try for minutes.

    Raises:
        InfrarayError: nothing listens there, it does not let us in, or it is an address of another kind.
    """
    if address == "auto":
        # Ray records here the cluster that was last started on this machine; it may be gone.
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
        with socket.create_connection((host.removeprefix("[").removesuffix("]"), int(port)), timeout=5) as asked:
            asked.sendall(_HTTP2_GREETING)
            answer = asked.recv(_FRAME_HEAD_BYTES)
    except (OSError, ValueError, OverflowError) as error:
        raise _no_cluster(address, str(error)) from None
    if answer[3:4] != _SETTINGS:
        raise _no_cluster(address, "what listens there is another server")
    if (problem := token_problem(f"{host}:{port}")) is not None:
        raise InfrarayError(f"RAY_ADDRESS={address!r}: {problem}")


def _not_started(address: str, reason: str) -> InfrarayError:
    """Ray's own words, which may fill a page, cut down to a line."""
    if "ersion mismatch" in reason:
        return InfrarayError(
            f"RAY_ADDRESS={address!r}: its cluster was started with other versions ({reason[:300]}); "
            "use the same Ray and Python on both sides"
        )
    if address == "local":
        return InfrarayError(
            f"Ray cannot be started on this machine: {reason[:300]}; "
            "'infraray doctor' looks at what it needs, and its logs are in /tmp/ray/session_latest/logs"
        )
    return _no_cluster(address, reason[:200])


def _no_cluster(address: str, reason: str) -> InfrarayError:
    return InfrarayError(
        f"RAY_ADDRESS={address!r}: no Ray cluster answers ({reason}); "
        "start one with 'ray start --head' or unset RAY_ADDRESS"
    )
