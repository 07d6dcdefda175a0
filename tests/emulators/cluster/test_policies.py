"""Policies in the kernel: what they permit, how soon, and what nobody may get through."""

import time
from collections.abc import Iterator
from random import Random

import pytest

from infraray.emulators.cluster.cluster import Cluster, Probe
from tests.emulators.cluster.live import deployment, needs_clusters, objects, play_case, pod, policy, service

pytestmark = needs_clusters

DENY = policy("deny-all", policyTypes=["Ingress", "Egress"])


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Three workloads of one port each, and no policies at first."""
    with Cluster() as live:
        live.apply([found for name in ("a", "b", "c") for found in (deployment(name, 8080), service(name, 80, 8080))])
        live.settle()
        yield live


@pytest.fixture(autouse=True)
def no_policies(cluster: Cluster) -> Iterator[None]:
    yield
    cluster.delete(objects(cluster, "/apis/networking.k8s.io/v1/networkpolicies"))
    cluster.settle()


def reason(cluster: Cluster, source: str, host: str, port: int = 80) -> str:
    (outcome,) = cluster.matrix([Probe(f"deployment/{source}", host, port)])
    return outcome.reason


@pytest.mark.parametrize("seed", range(12))
def test_kernel_and_evaluator_agree_on_random_policies_and_changes(seed: int) -> None:
    with Cluster(pods=6) as fresh:
        states, found = play_case(fresh, seed)
        assert found == []
        assert states == 4


def test_a_policy_is_in_force_when_the_cluster_has_come_to_rest(cluster: Cluster) -> None:
    assert reason(cluster, "a", "b") == "open"
    for _ in range(5):
        cluster.apply([DENY])
        cluster.settle()
        assert reason(cluster, "a", "b") == "blocked"
        cluster.delete([DENY])
        cluster.settle()
        assert reason(cluster, "a", "b") == "open"


def test_a_pod_that_comes_back_is_never_open(cluster: Cluster) -> None:
    cluster.apply([DENY])
    cluster.settle()
    for _ in range(3):
        (old,) = (found for found in objects(cluster, "/api/v1/pods") if found["metadata"]["labels"]["app"] == "b")
        cluster.delete([old])
        until = time.monotonic() + 0.3
        while time.monotonic() < until:
            assert reason(cluster, "a", "b") in ("blocked", "unreachable")  # no moment of open doors
        cluster.settle()
        (new,) = (found for found in objects(cluster, "/api/v1/pods") if found["metadata"]["labels"]["app"] == "b")
        assert new["status"]["podIP"] != old["status"]["podIP"]


def test_exchanging_policies_opens_nothing_in_between(cluster: Cluster) -> None:
    one = policy("p", ingress=[{"from": [{"podSelector": {"matchLabels": {"app": "a"}}}]}])
    other = policy("p", ingress=[{"from": [{"podSelector": {"matchLabels": {"app": "x"}}}]}, one["spec"]["ingress"][0]])
    cluster.apply([one])
    cluster.settle()
    probes = [Probe("deployment/a", "b", 80), Probe("deployment/c", "b", 80)]
    for number in range(30):
        cluster.apply([other if number % 2 else one])
        assert [outcome.reason for outcome in cluster.matrix(probes)] == ["open", "blocked"]


def test_policies_that_only_name_sctp_isolate_and_open_no_tcp_port(cluster: Cluster) -> None:
    cluster.apply([policy("sctp", ingress=[{"ports": [{"protocol": "SCTP", "port": 8080}]}])])
    cluster.settle()
    assert reason(cluster, "a", "b") == "blocked"


def test_a_pod_reaches_itself_whatever_the_policies_say(cluster: Cluster) -> None:
    cluster.apply([DENY])
    cluster.settle()
    (own,) = (found for found in objects(cluster, "/api/v1/pods") if found["metadata"]["labels"]["app"] == "a")
    assert reason(cluster, "a", own["status"]["podIP"], 8080) == "open"


def test_an_exception_leaves_the_other_rules_alone(cluster: Cluster) -> None:
    addresses = {
        found["metadata"]["labels"]["app"]: found["status"]["podIP"] for found in objects(cluster, "/api/v1/pods")
    }
    block = {"ipBlock": {"cidr": "10.244.0.0/16", "except": [f"{addresses['a']}/32"]}}
    cluster.apply([policy("block", ingress=[{"from": [block]}])])
    cluster.settle()
    assert (reason(cluster, "a", "b"), reason(cluster, "c", "b")) == ("blocked", "open")
    cluster.apply(
        [policy("block", ingress=[{"from": [block]}, {"from": [{"podSelector": {"matchLabels": {"app": "a"}}}]}])]
    )
    cluster.settle()
    assert (reason(cluster, "a", "b"), reason(cluster, "c", "b")) == ("open", "open")


def test_an_answer_from_before_a_policy_does_not_outlive_it() -> None:
    with Cluster() as live:
        live.apply([pod("a", ("UDP", 53)), pod("b", ("UDP", 53))])
        live.settle()
        address = next(
            one["status"]["podIP"] for one in objects(live, "/api/v1/pods") if one["metadata"]["name"] == "b"
        )
        # The same ports each time, which connection tracking takes for one flow.
        script = (
            "kubectl exec a -- python3 -c 'import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); "
            f's.settimeout(1); s.bind(("", 4000)); s.connect(("{address}", 53)); s.send(b"x"); print(s.recv(99))\''
        )
        assert "default/b main:53" in live.run(script).output
        live.apply([policy("deny", ingress=[])])
        live.settle()
        assert "default/b main:53" not in live.run(script).output


def test_repeated_matrices_are_exact(cluster: Cluster) -> None:
    cluster.apply([DENY, policy("some", podSelector={"matchLabels": {"app": "b"}}, ingress=[{}])])
    cluster.apply([policy("out", podSelector={"matchLabels": {"app": "a"}}, egress=[{}])])
    cluster.settle()
    names = ("a", "b", "c")
    probes = [Probe(f"deployment/{source}", target, 80) for source in names for target in names if source != target]
    expected = ["open" if (one.source, one.host) == ("deployment/a", "b") else "blocked" for one in probes]
    for _ in range(50):
        order = Random(0).sample(range(len(probes)), len(probes))
        outcomes = cluster.matrix([probes[number] for number in order])
        assert [outcome.reason for outcome in outcomes] == [expected[number] for number in order]
