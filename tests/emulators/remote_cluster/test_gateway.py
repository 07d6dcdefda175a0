"""What an agent's kubectl may ask for, as plain requests: its own namespaces, and nothing that runs or opens a way."""

import http.client
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from infraray.emulators.cluster.cluster import Cluster
from infraray.emulators.remote_cluster.api import Api
from infraray.emulators.remote_cluster.gateway import Gateway
from infraray.emulators.remote_cluster.view import View
from tests.emulators.cluster.live import needs_clusters, policy

pytestmark = needs_clusters

OWN = ("mine", "mine-too")
NETWORKING = "/apis/networking.k8s.io/v1"


@pytest.fixture(scope="module")
def port(there: Cluster) -> Iterator[int]:
    for name in (*OWN, "others"):
        labels = {"infraray/application": "mine" if name in OWN else "others"}
        there.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}])
        there.apply([policy("first", name)])
    api = Api()
    listening = socket.create_server(("127.0.0.1", 0))
    gateway = Gateway(listening, View(api, OWN, "infraray/application=mine"))
    yield listening.getsockname()[1]
    gateway.close()
    api.close()


def ask(port: int, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, None if body is None else json.dumps(body), headers)
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response.status, json.loads(content)


def named(answer: Any) -> list[tuple[str, str]]:
    return [(one["metadata"].get("namespace", ""), one["metadata"]["name"]) for one in answer["items"]]


FORBIDDEN = [
    ("GET", "/api/v1/namespaces/others/pods"),
    ("GET", "/api/v1/namespaces/others"),
    ("GET", "/api/v1/namespaces/mine/../others/pods"),
    ("GET", "/api/v1/namespaces/mine/%2e%2e/others/pods"),
    ("GET", "/api/v1/namespaces/mine/secrets"),
    ("GET", "/api/v1/secrets"),
    ("GET", "/api/v1/nodes"),
    ("GET", "/api/v1/nodes/node"),
    ("GET", "/api/v1/nodes/node/proxy/logs"),
    ("GET", "/api/v1/pods?watch=true"),
    ("GET", "/api/v1/watch/namespaces/others/pods"),
    ("GET", "/api/v1/namespaces/mine/pods/one/exec?command=id"),
    ("GET", "/api/v1/namespaces/mine/pods/one/portforward"),
    ("GET", "/api/v1/namespaces/mine/services/one/proxy"),
    ("POST", "/api/v1/namespaces/mine/pods/one/exec?command=id"),
    ("POST", "/api/v1/namespaces/mine/pods"),
    ("POST", "/api/v1/namespaces/mine/services"),
    ("POST", "/api/v1/namespaces/mine/serviceaccounts/default/token"),
    ("POST", "/api/v1/namespaces"),
    ("POST", f"{NETWORKING}/namespaces/others/networkpolicies"),
    ("POST", "/apis/apps/v1/namespaces/mine/deployments"),
    ("POST", "/apis/batch/v1/namespaces/mine/jobs"),
    ("PATCH", "/apis/apps/v1/namespaces/mine/deployments/one"),
    ("PATCH", "/api/v1/namespaces/mine"),
    ("PATCH", "/api/v1/namespaces/mine/pods/one/ephemeralcontainers"),
    ("PUT", "/api/v1/namespaces/mine/finalize"),
    ("DELETE", "/api/v1/namespaces/mine"),
    ("DELETE", "/api/v1/namespaces/others/pods/one"),
    ("DELETE", "/apis/apps/v1/deployments"),
]


@pytest.mark.parametrize(("method", "path"), FORBIDDEN)
def test_nothing_else_is_reached_and_nothing_runs(port: int, there: Cluster, method: str, path: str) -> None:
    before = there.request("GET", "/api/v1/namespaces")["items"]
    code, answer = ask(port, method, path, None if method == "GET" else {"metadata": {"name": "x"}})
    assert (code, answer["kind"], answer["reason"]) == (403, "Status", "Forbidden")
    assert there.request("GET", "/api/v1/namespaces")["items"] == before


def test_a_list_of_all_is_one_of_the_own(port: int) -> None:
    code, answer = ask(port, "GET", f"{NETWORKING}/networkpolicies?limit=1")
    assert code == 200 and named(answer) == [(name, "first") for name in OWN]
    assert named(ask(port, "GET", "/api/v1/namespaces?labelSelector=none")[1]) == []
    assert named(ask(port, "GET", "/api/v1/namespaces")[1]) == [("", name) for name in OWN]
    table = ask(port, "GET", f"{NETWORKING}/networkpolicies", Accept="application/json;as=Table;v=v1;g=meta.k8s.io")[1]
    assert table["kind"] == "Table" and len(table["rows"]) == 2


def test_policies_may_be_written_and_refusals_are_the_servers_own(port: int, there: Cluster) -> None:
    place = f"{NETWORKING}/namespaces/mine/networkpolicies"
    json_type = {"Content_Type": "application/json"}
    assert ask(port, "POST", place, policy("second", "mine"), **json_type)[0] == 201
    code, answer = ask(port, "POST", place, policy("second", "mine"), **json_type)
    assert (code, answer["reason"]) == (409, "AlreadyExists")
    code, answer = ask(port, "POST", place, policy("Wrong", "mine"), **json_type)
    assert (code, answer["reason"]) == (422, "Invalid")
    assert ask(port, "DELETE", f"{place}/second")[0] == 200
    assert named(there.request("GET", place)) == [("mine", "first")]


def test_a_watch_of_the_own_streams(port: int, there: Cluster) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", f"{NETWORKING}/namespaces/mine/networkpolicies?watch=true")
    response = connection.getresponse()
    assert json.loads(response.readline())["object"]["metadata"]["name"] == "first"
    there.apply([policy("third", "mine")])
    assert json.loads(response.readline())["object"]["metadata"]["name"] == "third"
    there.delete([policy("third", "mine")])
    assert json.loads(response.readline())["type"] == "DELETED"
    connection.close()


def test_what_is_too_large_is_refused(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.putrequest("POST", f"{NETWORKING}/namespaces/mine/networkpolicies")
    connection.putheader("Content-Length", str(2**40))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()
