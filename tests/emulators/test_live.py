"""What tests look for when they say that nothing is left."""

from __future__ import annotations

import os
import subprocess
import time

from tests.emulators.live import Traces, as_nobody, namespaces, needs_networks, wait_until

pytestmark = needs_networks


def inside_its_own() -> subprocess.Popen[bytes]:
    """A process in a user namespace of its own."""
    process = subprocess.Popen([*as_nobody(), "unshare", "--user", "sleep", "60"])
    assert wait_until(lambda: namespaces(process.pid).keys() - namespaces(os.getpid()).keys())
    return process


def end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def test_what_is_still_there_is_told_until_it_ends() -> None:
    traces = Traces()
    with inside_its_own() as process:
        traces.note(process.pid)
        for _ in range(2):
            assert {line.split(":")[0] for line in traces.left()} == {"user", f"process {process.pid}"}
        end(process)
    assert traces.left() == []


def test_what_somebody_else_makes_later_is_not_taken_for_it() -> None:
    traces = Traces()
    with inside_its_own() as process:
        traces.note(process.pid)
        end(process)
    time.sleep(0.1)  # the kernel takes a moment to end it
    others = [inside_its_own() for _ in range(4)]
    try:
        assert traces.left() == []
    finally:
        for other in others:
            end(other)
