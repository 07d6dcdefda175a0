"""Kill -9 of anything at a random moment, by any user: nothing is left on the host, and nobody else is disturbed."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from infraray.emulators.cluster.cluster import Cluster
from infraray.errors import InfrarayError
from tests.emulators.cluster.live import needs_clusters
from tests.emulators.live import NOBODY, Traces, as_nobody, descendants, kill, wait_until

pytestmark = needs_clusters

ROOT = Path(__file__).parents[3]


@pytest.fixture
def user(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """A process that uses clusters, an ordinary user's."""
    tmp_path.chmod(0o777)
    process = subprocess.Popen(
        [*as_nobody(), sys.executable, "-m", "tests.emulators.cluster.user"],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path), "HOME": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    yield process
    process.kill()
    process.communicate()


@pytest.mark.parametrize("seed", range(2))
def test_whatever_is_killed_at_a_random_moment_nothing_is_left(
    user: "subprocess.Popen[str]", seed: int, tmp_path: Path
) -> None:
    chance = random.Random(seed)
    traces = Traces()
    below: list[int] = []
    killed = 0
    # However busy the machine is: several kills, and several clusters that were there.
    while killed < 6 or len(traces.namespaces) <= 10:
        until = time.monotonic() + chance.uniform(0.1, 1.0)
        while time.monotonic() < until:
            below = traces.note(user.pid)
            time.sleep(0.01)
        if below:
            kill(chance.choice(below))  # the fork server, a cluster, its API server, a command, its sandbox
            killed += 1
        assert user.poll() is None, user.communicate()[0]
    traces.note(user.pid)
    kill(user.pid)
    user.wait()
    assert wait_until(lambda: not traces.left()), traces.left()
    assert list(tmp_path.iterdir()) == []


def test_a_cluster_whose_api_server_is_killed_is_lost_and_says_so() -> None:
    with Cluster() as cluster:
        for pid in descendants(cluster.pid):
            kill(pid)
        with pytest.raises(InfrarayError, match="the cluster is lost"):
            cluster.settle()
        assert not cluster.alive
    with Cluster() as cluster:
        cluster.settle()


def test_eight_clusters_at_once_are_right_for_an_ordinary_user() -> None:
    traces = Traces()
    command = [*as_nobody(), sys.executable, "-m", "tests.emulators.cluster.eight"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280)
    assert result.stdout == f"user {os.getuid() or NOBODY}: 8 of 8 right\n", result.stderr
    assert wait_until(lambda: not traces.left()), traces.left()
