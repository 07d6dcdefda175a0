"""What goes with its owner or its namespace, and what deletion waits for."""

import time
from collections.abc import Callable
from typing import Any

from tests.emulators.cluster.api_server.objects import config_map, deployment, node, pod
from tests.emulators.cluster.api_server.server import Server


def wait_until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def owned(given: dict[str, Any], owner: dict[str, Any]) -> dict[str, Any]:
    metadata = owner["metadata"]
    reference = {"apiVersion": "v1", "kind": owner["kind"], "name": metadata["name"], "uid": metadata["uid"]}
    given["metadata"]["ownerReferences"] = [reference | {"controller": True, "blockOwnerDeletion": True}]
    return given


def chain(server: Server, place: str) -> None:
    """Config maps a, b, c, each of which owns the next."""
    owner = server.ask("POST", place, config_map("a")).json
    for name in ("b", "c"):
        owner = server.ask("POST", place, owned(config_map(name), owner)).json


def is_there(server: Server, path: str) -> bool:
    return server.ask("GET", path).code == 200


def test_dependents_follow_their_owner(server: Server, namespace: str) -> None:
    place = f"/api/v1/namespaces/{namespace}/configmaps"
    chain(server, place)
    assert server.ask("DELETE", f"{place}/a").json["status"] == "Success"
    wait_until(lambda: not is_there(server, f"{place}/c"))
    assert not is_there(server, f"{place}/b")


def test_an_owner_deleted_in_the_foreground_goes_last(server: Server, namespace: str) -> None:
    place = f"/api/v1/namespaces/{namespace}/configmaps"
    chain(server, place)
    hold = {"metadata": {"finalizers": ["example.com/hold"]}}
    server.ask("PATCH", f"{place}/c", hold, "application/merge-patch+json")
    answer = server.ask("DELETE", f"{place}/a?propagationPolicy=Foreground").json
    assert answer["metadata"]["finalizers"] == ["foregroundDeletion"]
    wait_until(lambda: "deletionTimestamp" in server.ask("GET", f"{place}/c").json["metadata"])
    assert is_there(server, f"{place}/a") and is_there(server, f"{place}/b")
    server.ask("PATCH", f"{place}/c", {"metadata": {"finalizers": None}}, "application/merge-patch+json")
    wait_until(lambda: not is_there(server, f"{place}/a"))
    assert not is_there(server, f"{place}/b")


def test_orphans_stay(server: Server, namespace: str) -> None:
    place = f"/api/v1/namespaces/{namespace}/configmaps"
    chain(server, place)
    server.ask("DELETE", f"{place}/a", {"propagationPolicy": "Orphan"})
    wait_until(lambda: not is_there(server, f"{place}/a"))
    assert "ownerReferences" not in server.ask("GET", f"{place}/b").json["metadata"]


def test_an_object_whose_owner_never_was_goes(server: Server, namespace: str) -> None:
    place = f"/api/v1/namespaces/{namespace}/configmaps"
    owner = {"kind": "ConfigMap", "metadata": {"name": "never", "uid": "0"}}
    server.ask("POST", place, owned(config_map("lost"), owner))
    wait_until(lambda: not is_there(server, f"{place}/lost"))


def test_a_namespace_takes_all_with_it(server: Server) -> None:
    name, place = "doomed", "/api/v1/namespaces/doomed"
    server.ask("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    assert is_there(server, f"{place}/serviceaccounts/default")
    held = config_map("held")
    held["metadata"]["finalizers"] = ["example.com/hold"]
    server.ask("POST", f"{place}/configmaps", held)
    server.ask("POST", "/apis/apps/v1/namespaces/doomed/deployments", deployment("web"))
    assert server.ask("DELETE", place).json["status"]["phase"] == "Terminating"
    wait_until(lambda: not is_there(server, "/apis/apps/v1/namespaces/doomed/deployments/web"))
    refused = server.ask("POST", f"{place}/configmaps", config_map("late"))
    assert (refused.code, refused.json["details"]["causes"][0]["reason"]) == (403, "NamespaceTerminating")
    server.ask("PATCH", f"{place}/configmaps/held", {"metadata": {"finalizers": None}}, "application/merge-patch+json")
    wait_until(lambda: not is_there(server, place))
    assert server.ask("POST", f"{place}/configmaps", config_map("late")).code == 404


def test_a_pod_on_a_node_goes_when_its_agent_says_so(server: Server, namespace: str) -> None:
    place = f"/api/v1/namespaces/{namespace}/pods"
    server.ask("POST", "/api/v1/nodes", node("host"))
    server.ask("POST", place, pod("runs"))
    binding = {"target": {"kind": "Node", "name": "host"}}
    assert server.ask("POST", f"{place}/runs/binding", binding).code == 201
    assert server.ask("POST", f"{place}/runs/binding", binding).code == 409
    bound = server.ask("GET", f"{place}/runs").json
    assert (bound["spec"]["nodeName"], bound["status"]["conditions"][0]["type"]) == ("host", "PodScheduled")
    marked = server.ask("DELETE", f"{place}/runs").json["metadata"]
    assert marked["deletionGracePeriodSeconds"] == 30 and is_there(server, f"{place}/runs")
    table = server.ask("GET", f"{place}/runs", Accept="application/json;as=Table;v=v1;g=meta.k8s.io").json
    assert table["rows"][0]["cells"][2] == "Terminating"
    assert server.ask("DELETE", f"{place}/runs?gracePeriodSeconds=0").json["metadata"]["name"] == "runs"
    assert not is_there(server, f"{place}/runs")


def test_a_pod_without_a_node_goes_at_once(server: Server, namespace: str) -> None:
    place = f"/api/v1/namespaces/{namespace}/pods"
    server.ask("POST", place, pod("waits"))
    server.ask("DELETE", f"{place}/waits")
    assert not is_there(server, f"{place}/waits")


def test_preconditions(server: Server, namespace: str) -> None:
    place = f"/api/v1/namespaces/{namespace}/configmaps"
    server.ask("POST", place, config_map("a"))
    refused = server.ask("DELETE", f"{place}/a", {"preconditions": {"uid": "other"}})
    assert (refused.code, refused.json["reason"]) == (409, "Conflict")


def test_a_collection_is_deleted_by_selector(server: Server, namespace: str) -> None:
    place = f"/api/v1/namespaces/{namespace}/pods"
    for name, color in (("a", "red"), ("b", "blue"), ("c", "red")):
        given = pod(name)
        given["metadata"]["labels"] = {"color": color}
        server.ask("POST", place, given)
    assert server.ask("DELETE", f"{place}?labelSelector=color%3Dred").code == 200
    assert [item["metadata"]["name"] for item in server.ask("GET", place).json["items"]] == ["b"]


def test_what_every_cluster_has_stays(server: Server) -> None:
    for name in ("default", "kube-public", "kube-system"):
        refused = server.ask("DELETE", f"/api/v1/namespaces/{name}")
        assert (refused.code, refused.json["reason"]) == (403, "Forbidden")
    for path in ("services/kubernetes", "serviceaccounts/default", "configmaps/kube-root-ca.crt"):
        place = f"/api/v1/namespaces/default/{path}"
        before = server.ask("GET", place).json
        assert server.ask("DELETE", place).code == 200
        wait_until(lambda place=place: is_there(server, place))  # type: ignore[misc]
        after = server.ask("GET", place).json
        assert after["metadata"]["uid"] != before["metadata"]["uid"]
        assert after.get("spec", {}).get("clusterIP") == before.get("spec", {}).get("clusterIP")
