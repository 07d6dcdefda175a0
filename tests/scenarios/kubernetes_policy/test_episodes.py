"""An episode in a live cluster: its end, its rewards, what it leaves, and what an agent cannot do to it."""

import copy
import json
import os
import signal
from collections.abc import Iterator

import pytest

import infraray
from infraray.environment import Environment
from infraray.repair.conduct import Deed
from infraray.scenarios.kubernetes_policy.conduct import Conduct
from infraray.scenarios.kubernetes_policy.rewards import register_reward, rewards
from tests.emulators.cluster.live import needs_clusters

pytestmark = needs_clusters

SEED = 1
"""Of level 1: adservice's policy names another port."""

RULE = {"from": [{"podSelector": {"matchLabels": {"app": "frontend"}}}], "ports": [{"port": 9555, "protocol": "TCP"}]}
PATCH = json.dumps([{"op": "add", "path": "/spec/ingress", "value": [RULE]}])
REPAIR = f"kubectl patch networkpolicy allow-adservice -n boutique --type=json -p '{PATCH}'"


@pytest.fixture(scope="module")
def shared() -> Iterator[Environment]:
    environment = infraray.make("kubernetes_policy")
    yield environment
    environment.close()


@pytest.fixture
def environment(shared: Environment) -> Environment:
    shared.reset(seed=SEED)
    return shared


def say(command: str) -> str:
    return json.dumps({"command": command})


def test_repair_ends_the_episode_at_the_bound(environment: Environment) -> None:
    observation, reward, terminated, _, info = environment.step(say(REPAIR))
    assert terminated and info["safe"] and info["extra"]["deed"] == "fix"
    assert info["extra"]["faults"] == [["change_port", "number", "boutique", "allow-adservice", "adservice"]]
    assert reward == pytest.approx(1 - 0.02)
    assert "0 of 132 attempts do not end as intended." in observation["text_observation"]
    assert (observation.attempts == observation.intended).all() and observation.commands_left == 19
    verdict = environment.verdict()
    assert (verdict.score, verdict.correct, verdict.safe, verdict.failure) == (environment.bound(), True, True, None)


def test_done_ends_the_episode_at_the_floor(environment: Environment) -> None:
    _, reward, terminated, _, _ = environment.step("done")
    assert (reward, terminated) == (0.0, True)
    verdict = environment.verdict()
    assert (verdict.score, verdict.correct, verdict.failure) == (environment.floor(), False, "no_repair")


def test_the_report_shows_what_fails_and_the_output_what_kubectl_says(environment: Environment) -> None:
    assert "frontend -> adservice:9555/TCP (intended: connects; it does not)" in environment.words()
    observation, _, _, _, info = environment.step(say("kubectl get networkpolicies -n boutique -o name"))
    assert "networkpolicy.networking.k8s.io/allow-adservice\n" in observation["text_observation"]
    assert info["extra"]["deed"] == "look" and info.timing["command_s"] > 0
    _, _, _, _, info = environment.step(say("kubectl get nonsense"))
    assert info["extra"]["deed"] == "failed"


def test_a_script_is_an_invalid_action_by_default(environment: Environment) -> None:
    _, _, _, _, info = environment.step(say("kubectl get pods; kubectl get netpol"))
    assert not info["valid"] and "script" in info["reason"]


def test_commands_run_isolated(environment: Environment) -> None:
    """Neither this computer's files nor its network nor another cluster."""
    secret = os.environ.get("HOME", "/root") + "/.bashrc"
    command = f"kubectl create configmap mine -n boutique --from-file={secret}"
    _, _, _, _, info = environment.step(say(command))
    assert info["extra"]["deed"] == "failed"
    _, _, _, _, info = environment.step(say("kubectl get pods --server=http://127.0.0.1:8080"))
    assert info["extra"]["deed"] == "failed"


def test_a_lost_cluster_costs_an_agent_nothing(environment: Environment) -> None:
    environment.step(say("kubectl annotate networkpolicy allow-adservice -n boutique seen=yes"))
    os.kill(environment._cluster.pid, signal.SIGKILL)  # type: ignore[attr-defined]
    observation, _, terminated, _, info = environment.step(
        say("kubectl get networkpolicy allow-adservice -n boutique -o jsonpath='{.metadata.annotations.seen}'")
    )
    assert info["safe"] and not terminated and observation["text_observation"].endswith("yes")
    assert environment.step(say(REPAIR))[2] and environment.verdict().correct


def test_a_copy_plays_on_in_a_cluster_of_its_own(environment: Environment) -> None:
    environment.step(say("kubectl delete networkpolicy allow-frontend -n boutique"))
    twin = copy.deepcopy(environment)
    _, _, terminated, _, _ = environment.step(say(REPAIR))
    observation, _, other, _, _ = twin.step(say("kubectl get networkpolicies -n boutique -o name"))
    assert not terminated and not other
    assert "allow-frontend\n" not in observation["text_observation"].split("Output of command")[1]
    assert len([line for line in twin.words().splitlines() if "it does not)" in line]) == 12 + 7
    twin.close()


def test_a_reward_of_ones_own_is_found_and_counted() -> None:
    def fixes(deed: Deed, conduct: Conduct, repaired_before: float, nearer: bool) -> float:
        return float(deed.kind == "fix")

    register_reward("fixes", fixes)
    environment = infraray.make("kubernetes_policy", reward="fixes")
    assert fixes in environment.parts() and rewards["paper"] not in environment.parts()


def test_a_netarena_task_pays_as_the_paper_does() -> None:
    environment = infraray.make("kubernetes_policy", preset="netarena", reward="paper")
    environment.reset(seed=SEED)
    _, look, _, _, _ = environment.step(say("kubectl get networkpolicies -A | head -3; kubectl get pods -A"))
    _, failed, _, _, _ = environment.step(say("kubectl get nonsense"))
    _, fix, over, _, _ = environment.step(say(REPAIR))
    environment.close()
    assert (look, failed, fix, over) == (10.0, -100.0, 100.0, True)
