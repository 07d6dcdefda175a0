"""Episodes in a cluster that a kubeconfig names; an emulated one stands in its place, reached over the network."""

import copy
import json
from collections.abc import Iterator
from ipaddress import ip_network

import pytest

import infraray
from infraray.agents import Briefing, load_agent
from infraray.emulators.cluster.cluster import Cluster
from infraray.environment import Environment
from infraray.errors import InfrarayError, Unavailable
from infraray.scenarios.kubernetes_policy import environment as module
from tests.emulators.cluster.live import needs_clusters
from tests.emulators.live import wait_until
from tests.emulators.remote_cluster.conftest import there  # noqa: F401  (a fixture)
from tests.emulators.remote_cluster.remote import needs_python

pytestmark = [needs_clusters, needs_python]

SMALL = {"backend": "kubeconfig", "application": "generated", "num_services": 4, "num_namespaces": 1}


@pytest.fixture
def environment(there: Cluster) -> Iterator[Environment]:  # noqa: F811
    made = infraray.make("kubernetes_policy", **SMALL)
    yield made
    made.close()


def namespaces(there: Cluster) -> set[str]:  # noqa: F811
    found = there.request("GET", "/api/v1/namespaces")["items"]
    return {one["metadata"]["name"] for one in found if "infraray/run" in one["metadata"].get("labels", {})}


def test_expert_solves_a_task_and_the_next_one_finds_nothing_of_it(environment: Environment, there: Cluster) -> None:  # noqa: F811
    assert environment.missing_here() is None
    agent = load_agent("scripted:expert", "kubernetes_policy")
    observation, _ = environment.reset(seed=0)
    agent.reset(Briefing.of(environment, 0))
    first = namespaces(there)
    over = False
    while not over:
        observation, _, over, _, info = environment.step(agent.act(observation))
        assert info["valid"] and info["safe"]
    assert environment.verdict().correct and environment.verdict().score >= 0.95, environment.words()
    environment.reset(seed=1)
    assert wait_until(lambda: len(namespaces(there)) == 2 and not namespaces(there) & first)
    environment.close()
    assert wait_until(lambda: not namespaces(there))


def test_harm_is_told_and_a_copy_is_refused(environment: Environment) -> None:
    environment.reset(seed=0)
    twin = copy.deepcopy(environment)
    victim = environment._broken.site.application.targets[-1]  # type: ignore[attr-defined]
    command = f"kubectl delete deployment {victim.name} -n {victim.namespace}"
    *_, info = environment.step(json.dumps({"command": command}))
    assert info["extra"]["deed"] == "unsafe" and environment.verdict().metrics["harmed_workloads"] > 0
    with pytest.raises(InfrarayError, match=r"^kubernetes_policy: backend='kubeconfig': .* cannot be copied; play it"):
        twin.step(json.dumps({"command": "kubectl get pods"}))


def test_a_cluster_that_tasks_do_not_fit_is_refused(
    environment: Environment,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "POD_NETWORKS", ip_network("192.168.0.0/16"))
    with pytest.raises(Unavailable, match=r"has the address 10\.244\..*; choose a cluster whose pods' are in 192\.168"):
        environment.reset(seed=0)


def test_what_is_wrong_with_the_kubeconfig_is_told_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/none")
    made = infraray.make("kubernetes_policy", backend="kubeconfig")
    told = "KUBECONFIG='/none': no such file; "
    assert str(made.missing_here()).startswith(told)
    with pytest.raises(Unavailable, match=told):
        made.reset(seed=0)
    assert infraray.make("kubernetes_policy").missing_here() is None
    with pytest.raises(InfrarayError, match="context='kind': has no effect: backend is 'embedded'"):
        infraray.make("kubernetes_policy", context="kind")
