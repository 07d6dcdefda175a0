"""Kill -9 of anything at a random moment, by any user: nothing is left on the host, and nobody else is disturbed."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.emulators.live import (
    NOBODY,
    ROOT,
    Traces,
    as_nobody,
    first_processes,
    kill,
    kill_at_random_moments,
    needs_networks,
    wait_until,
)

pytestmark = needs_networks

USER = "tests.emulators.network.user"


@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_killed_at_a_random_moment_nothing_is_left(
    user: "subprocess.Popen[str]", seed: int, tmp_path: Path
) -> None:
    # The fork server, a network, what stands between them, a command, its sandbox.
    kill_at_random_moments(user, random.Random(seed), longest_s=0.7)
    assert list(tmp_path.iterdir()) == []


def test_a_user_that_is_killed_while_a_network_is_built_leaves_nothing(user: "subprocess.Popen[str]") -> None:
    traces = Traces()
    assert wait_until(lambda: len(traces.note(user.pid)) > 1)
    kill(user.pid)
    user.wait()
    assert wait_until(lambda: not traces.left()), traces.left()


def test_a_stopped_network_ends_with_its_user(user: "subprocess.Popen[str]") -> None:
    traces = Traces()
    assert wait_until(lambda: first_processes(user.pid))
    for pid in first_processes(user.pid):
        os.kill(pid, signal.SIGSTOP)
    traces.note(user.pid)
    kill(user.pid)
    user.wait()
    assert wait_until(lambda: not traces.left()), traces.left()


def test_a_user_that_ends_by_itself_leaves_nothing() -> None:
    program = (
        "from infraray.emulators.network.supply import NetworkSupply\n"
        "from infraray.emulators.network.topology import Topology\n"
        "network = NetworkSupply(Topology(2, 1)).take()\n"
        "print(network.pid, flush=True)\n"
        "input()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    traces = Traces()
    assert process.stdout is not None
    assert process.stdout.readline()
    traces.note(process.pid)
    process.communicate("\n")
    assert process.returncode == 0
    assert wait_until(lambda: not traces.left()), traces.left()


def test_sixteen_networks_at_once_are_right_for_an_ordinary_user() -> None:
    traces = Traces()
    command = [*as_nobody(), sys.executable, "-m", "tests.emulators.network.sixteen"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280)
    assert result.stdout == f"user {os.getuid() or NOBODY}: 16 of 16 right\n", result.stderr
    assert traces.left() == []
