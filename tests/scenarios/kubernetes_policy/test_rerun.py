"""A cluster that is lost: a chance costs the agent nothing, a command that always ends it all."""

import os
import signal
from collections.abc import Iterator

import pytest

import infraray
from infraray.emulators.cluster.cluster import Cluster
from infraray.environment import Environment
from infraray.isolation import Finished
from tests.emulators.cluster.live import needs_clusters
from tests.scenarios.kubernetes_policy.test_episodes import REPAIR, SEED, say

pytestmark = needs_clusters

LETHAL = say("kubectl get pods -n boutique --show-labels")


@pytest.fixture
def environment() -> Iterator[Environment]:
    made = infraray.make("kubernetes_policy")
    made.reset(seed=SEED)
    yield made
    made.close()


def die(monkeypatch: pytest.MonkeyPatch, times: int, of: str = "--show-labels") -> None:
    """Lets a cluster's first process be killed by a command that holds a text, some times."""
    works, left = Cluster.run, iter(range(times))

    def run(cluster: Cluster, script: str) -> Finished:
        if of in script and next(left, None) is not None:
            os.kill(cluster.pid, signal.SIGKILL)
        return works(cluster, script)

    monkeypatch.setattr(Cluster, "run", run)


def test_a_cluster_that_dies_once_changes_no_result(environment: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    die(monkeypatch, 1)
    _, _, terminated, _, info = environment.step(LETHAL)
    assert not terminated and info["safe"] and info["extra"]["deed"] == "look"
    _, _, terminated, _, info = environment.step(say(REPAIR))
    assert terminated and info["safe"] and environment.verdict().correct


def test_a_command_that_ends_every_cluster_has_ruined_it(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    die(monkeypatch, 1000)
    observation, reward, terminated, _, info = environment.step(LETHAL)
    assert terminated and not info["safe"] and info["extra"]["ruined"] and reward < 0
    assert "gives no answer any more" in observation["text_observation"] and not observation.attempts.any()
    verdict = environment.verdict()
    assert (verdict.score, verdict.safe, verdict.failure) == (0.0, False, "safety_violation")


def test_a_computer_on_which_every_cluster_dies_is_an_error_and_no_result(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    die(monkeypatch, 1000, of="kubectl")
    with pytest.raises(infraray.InfrarayError):
        environment.step(LETHAL)
