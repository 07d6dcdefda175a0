"""Kill -9 of anything at a random moment, by any user: nothing is left on the host, and nobody else is disturbed."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from infraray.emulators.cluster.cluster import Cluster
from infraray.errors import InfrarayError
from tests.emulators.cluster.live import needs_clusters
from tests.emulators.live import NOBODY, ROOT, Traces, as_nobody, descendants, kill, kill_at_random_moments, wait_until

pytestmark = needs_clusters

USER = "tests.emulators.cluster.user"


@pytest.mark.parametrize("seed", range(2))
def test_whatever_is_killed_at_a_random_moment_nothing_is_left(
    user: "subprocess.Popen[str]", seed: int, tmp_path: Path
) -> None:
    # The fork server, a cluster, its API server, a command, its sandbox.
    kill_at_random_moments(user, random.Random(seed), longest_s=1.0)
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
