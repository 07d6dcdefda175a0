"""What is refused, with the paths of the fields; what is set by default."""

from typing import Any

import pytest

from tests.emulators.cluster.api_server.objects import LABELS, deployment, pod, policy, service
from tests.emulators.cluster.api_server.server import Server


def port(**fields: Any) -> dict[str, Any]:
    return policy("p", ingress=[{"ports": [fields]}])


def peer(**fields: Any) -> dict[str, Any]:
    return policy("p", ingress=[{"from": [fields]}])


def container(**fields: Any) -> dict[str, Any]:
    return pod("p", containers=[{"name": "web", "image": "web:1"} | fields])


def strategy(**fields: Any) -> dict[str, Any]:
    return deployment("d", strategy=fields)


EXPRESSION = {"key": "a", "operator": "In"}

# Object, field, reason.
REFUSED: list[tuple[dict[str, Any], str, str]] = [
    (policy("Upper"), "metadata.name", "FieldValueInvalid"),
    (policy("p" * 254), "metadata.name", "FieldValueInvalid"),
    (policy("p") | {"metadata": {"name": "p", "labels": {"a b": "c"}}}, "metadata.labels", "FieldValueInvalid"),
    (policy("p") | {"metadata": {"name": "p", "labels": {"a": "-"}}}, "metadata.labels", "FieldValueInvalid"),
    (port(port=0), "spec.ingress[0].ports[0].port", "FieldValueInvalid"),
    (port(port=65536), "spec.ingress[0].ports[0].port", "FieldValueInvalid"),
    (port(port="UPPER"), "spec.ingress[0].ports[0].port", "FieldValueInvalid"),
    (port(port=80, endPort=79), "spec.ingress[0].ports[0].endPort", "FieldValueInvalid"),
    (port(port="http", endPort=90), "spec.ingress[0].ports[0].endPort", "FieldValueInvalid"),
    (port(endPort=90), "spec.ingress[0].ports[0].endPort", "FieldValueInvalid"),
    (port(port=80, protocol="ICMP"), "spec.ingress[0].ports[0].protocol", "FieldValueNotSupported"),
    (peer(), "spec.ingress[0].from[0]", "FieldValueRequired"),
    (peer(ipBlock={"cidr": "10.0.0.0/8"}, podSelector={}), "spec.ingress[0].from[0]", "FieldValueForbidden"),
    (peer(ipBlock={"cidr": "10.0.0.0"}), "spec.ingress[0].from[0].ipBlock.cidr", "FieldValueInvalid"),
    (peer(ipBlock={}), "spec.ingress[0].from[0].ipBlock.cidr", "FieldValueRequired"),
    (
        peer(ipBlock={"cidr": "10.0.0.0/8", "except": ["11.0.0.0/16"]}),
        "spec.ingress[0].from[0].ipBlock.except[0]",
        "FieldValueInvalid",
    ),
    (
        peer(ipBlock={"cidr": "10.0.0.0/8", "except": ["10.0.0.0/8"]}),
        "spec.ingress[0].from[0].ipBlock.except[0]",
        "FieldValueInvalid",
    ),
    (
        peer(podSelector={"matchExpressions": [EXPRESSION]}),
        "spec.ingress[0].from[0].podSelector.matchExpressions[0].values",
        "FieldValueRequired",
    ),
    (
        policy("p", podSelector={"matchExpressions": [{"key": "a", "operator": "Near"}]}),
        "spec.podSelector.matchExpressions[0].operator",
        "FieldValueInvalid",
    ),
    (policy("p", policyTypes=["Sideways"]), "spec.policyTypes[0]", "FieldValueNotSupported"),
    (policy("p", egress=[{"to": [{}]}]), "spec.egress[0].to[0]", "FieldValueRequired"),
    (pod("p", containers=[]), "spec.containers", "FieldValueRequired"),
    (container(name=""), "spec.containers[0].name", "FieldValueRequired"),
    (container(name="Web"), "spec.containers[0].name", "FieldValueInvalid"),
    (container(image=""), "spec.containers[0].image", "FieldValueRequired"),
    (container(ports=[{"containerPort": 70000}]), "spec.containers[0].ports[0].containerPort", "FieldValueInvalid"),
    (container(ports=[{}]), "spec.containers[0].ports[0].containerPort", "FieldValueRequired"),
    (
        container(ports=[{"containerPort": 1, "name": "a"}, {"containerPort": 2, "name": "a"}]),
        "spec.containers[0].ports[1].name",
        "FieldValueDuplicate",
    ),
    (
        container(volumeMounts=[{"name": "v", "mountPath": "/v"}]),
        "spec.containers[0].volumeMounts[0].name",
        "FieldValueNotFound",
    ),
    (
        container(resources={"limits": {"cpu": "1"}, "requests": {"cpu": "2"}}),
        "spec.containers[0].resources.requests",
        "FieldValueInvalid",
    ),
    (container(resources={"limits": {"cpu": "x"}}), "spec.containers[0].resources.limits[cpu]", "FieldValueInvalid"),
    (container(readinessProbe={}), "spec.containers[0].readinessProbe", "FieldValueRequired"),
    (container(imagePullPolicy="Maybe"), "spec.containers[0].imagePullPolicy", "FieldValueNotSupported"),
    (pod("p", restartPolicy="Often"), "spec.restartPolicy", "FieldValueNotSupported"),
    (service("s", ports=[]), "spec.ports", "FieldValueRequired"),
    (service("s", ports=[{"port": 0}]), "spec.ports[0].port", "FieldValueInvalid"),
    (service("s", ports=[{"port": 80, "targetPort": 70000}]), "spec.ports[0].targetPort", "FieldValueInvalid"),
    (service("s", ports=[{"port": 80}, {"port": 81}]), "spec.ports[0].name", "FieldValueRequired"),
    (
        service("s", ports=[{"port": 80, "name": "a"}, {"port": 80, "name": "b"}]),
        "spec.ports[1]",
        "FieldValueDuplicate",
    ),
    (service("s", ports=[{"port": 80, "nodePort": 30000}]), "spec.ports[0].nodePort", "FieldValueForbidden"),
    (
        service("s", type="NodePort", ports=[{"port": 80, "nodePort": 80}]),
        "spec.ports[0].nodePort",
        "FieldValueInvalid",
    ),
    (service("s", type="Portal"), "spec.type", "FieldValueNotSupported"),
    (service("s", type="ExternalName"), "spec.externalName", "FieldValueRequired"),
    (service("s", clusterIP="192.168.0.1"), "spec.clusterIPs", "FieldValueInvalid"),
    (service("s", clusterIP="10.96.0.1"), "spec.clusterIPs", "FieldValueInvalid"),
    (service("9s"), "metadata.name", "FieldValueInvalid"),
    (deployment("d", selector=None), "spec.selector", "FieldValueRequired"),
    (deployment("d", selector={}), "spec.selector", "FieldValueInvalid"),
    (deployment("d", selector={"matchLabels": {"app": "b"}}), "spec.template.metadata.labels", "FieldValueInvalid"),
    (deployment("d", template=None), "spec.template", "FieldValueRequired"),
    (deployment("d", replicas=-1), "spec.replicas", "FieldValueInvalid"),
    (strategy(type="Recreate", rollingUpdate={}), "spec.strategy.rollingUpdate", "FieldValueForbidden"),
    (
        strategy(rollingUpdate={"maxSurge": 0, "maxUnavailable": 0}),
        "spec.strategy.rollingUpdate.maxUnavailable",
        "FieldValueInvalid",
    ),
    (strategy(rollingUpdate={"maxSurge": "a lot"}), "spec.strategy.rollingUpdate.maxSurge", "FieldValueInvalid"),
    (strategy(type="Blink"), "spec.strategy.type", "FieldValueNotSupported"),
]

PLACES = {
    "NetworkPolicy": "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies",
    "Pod": "/api/v1/namespaces/default/pods",
    "Service": "/api/v1/namespaces/default/services",
    "Deployment": "/apis/apps/v1/namespaces/default/deployments",
}


@pytest.mark.parametrize(
    ("given", "field", "reason"), REFUSED, ids=lambda value: value if isinstance(value, str) else ""
)
def test_what_is_wrong_is_told_by_field(server: Server, given: dict[str, Any], field: str, reason: str) -> None:
    told = server.ask("POST", PLACES[given["kind"]], given)
    assert (told.code, told.json["reason"]) == (422, "Invalid"), told.body
    causes = {(cause["field"], cause["reason"]) for cause in told.json["details"]["causes"]}
    assert (field, reason) in causes
    assert field in told.json["message"] and given["metadata"]["name"] in told.json["message"]


def test_all_faults_are_told_at_once(server: Server) -> None:
    given = policy("p", ingress=[{"ports": [{"port": 0}, {"port": 80, "protocol": "X"}]}], policyTypes=["Y"])
    told = server.ask("POST", PLACES["NetworkPolicy"], given).json
    assert len(told["details"]["causes"]) == 3


@pytest.mark.parametrize("kind", PLACES)
def test_unknown_fields(server: Server, kind: str) -> None:
    made = {"NetworkPolicy": policy, "Pod": pod, "Service": service, "Deployment": deployment}[kind]
    given = made("unknown")
    given["spec"]["colour"] = "red"
    place = PLACES[kind]
    strict = server.ask("POST", f"{place}?fieldValidation=Strict", given)
    assert strict.code == 400 and 'strict decoding error: unknown field "spec.colour"' in strict.json["message"]
    warned = server.ask("POST", f"{place}?fieldValidation=Warn&dryRun=All", given)
    assert warned.headers["Warning"] == '299 - "unknown field \\"spec.colour\\""'
    ignored = server.ask("POST", f"{place}?fieldValidation=Ignore&dryRun=All", given)
    assert ignored.code == 201 and "Warning" not in ignored.headers and "colour" not in ignored.json["spec"]


def test_fields_that_are_given_twice(server: Server) -> None:
    body = b'{"metadata":{"name":"twice"},"spec":{"podSelector":{},"podSelector":{}}}'
    told = server.ask("POST", f"{PLACES['NetworkPolicy']}?fieldValidation=Strict", body)
    assert told.code == 400 and 'duplicate field "spec.podSelector"' in told.json["message"]


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        ({"replicas": "2"}, "cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32"),
        ({"replicas": 1.5}, "cannot unmarshal number 1.5"),
        ({"replicas": 2**31}, "cannot unmarshal number"),
        ({"paused": "no"}, "of type bool"),
        ({"template": []}, "cannot unmarshal array"),
        ({"selector": {"matchLabels": {"a": 1}}}, "of type string"),
    ],
)
def test_values_of_a_wrong_type(server: Server, spec: dict[str, Any], wanted: str) -> None:
    told = server.ask("POST", PLACES["Deployment"], deployment("wrong", **spec))
    assert (told.code, told.json["reason"]) == (400, "BadRequest")
    assert wanted in told.json["message"]


def test_defaults_of_a_pod(server: Server) -> None:
    given = pod(
        "defaults",
        containers=[{"name": "a", "image": "a"}, {"name": "b", "image": "b:1", "ports": [{"containerPort": 1}]}],
    )
    made = server.ask("POST", f"{PLACES['Pod']}?dryRun=All", given).json
    spec = made["spec"]
    assert spec | {"containers": [], "tolerations": []} == {
        "containers": [],
        "dnsPolicy": "ClusterFirst",
        "enableServiceLinks": True,
        "preemptionPolicy": "PreemptLowerPriority",
        "priority": 0,
        "restartPolicy": "Always",
        "schedulerName": "default-scheduler",
        "securityContext": {},
        "serviceAccount": "default",
        "serviceAccountName": "default",
        "terminationGracePeriodSeconds": 30,
        "tolerations": [],
    }
    assert [container["imagePullPolicy"] for container in spec["containers"]] == ["Always", "IfNotPresent"]
    assert spec["containers"][1]["ports"] == [{"containerPort": 1, "protocol": "TCP"}]
    assert spec["containers"][0]["resources"] == {}
    assert [toleration["tolerationSeconds"] for toleration in spec["tolerations"]] == [300, 300]
    assert made["status"] == {"phase": "Pending", "qosClass": "BestEffort"}


@pytest.mark.parametrize(
    ("spec", "types"),
    [
        ({}, ["Ingress"]),
        ({"egress": []}, ["Ingress"]),
        ({"egress": [{}]}, ["Ingress", "Egress"]),
        ({"policyTypes": ["Egress"]}, ["Egress"]),
    ],
)
def test_defaults_of_a_network_policy(server: Server, spec: dict[str, Any], types: list[str]) -> None:
    made = server.ask("POST", f"{PLACES['NetworkPolicy']}?dryRun=All", policy("defaults", **spec)).json
    assert made["spec"]["policyTypes"] == types
    assert made["spec"]["podSelector"] == {}


def test_empty_and_missing_selectors_stay_apart(server: Server) -> None:
    given = policy("apart", ingress=[{"from": [{"podSelector": {}}, {"namespaceSelector": {}}]}, {}, {"from": []}])
    made = server.ask("POST", f"{PLACES['NetworkPolicy']}?dryRun=All", given).json
    assert made["spec"]["ingress"] == [{"from": [{"podSelector": {}}, {"namespaceSelector": {}}]}, {}, {}]


def test_addresses_and_ports_of_services(server: Server) -> None:
    place = PLACES["Service"]
    first = server.ask("POST", place, service("first")).json["spec"]
    assert first["clusterIP"].startswith("10.96.0.") and first["clusterIPs"] == [first["clusterIP"]]
    assert first["ports"] == [{"port": 80, "protocol": "TCP", "targetPort": 80}]
    assert (first["type"], first["sessionAffinity"], first["ipFamilies"]) == ("ClusterIP", "None", ["IPv4"])
    taken = server.ask("POST", place, service("second", clusterIP=first["clusterIP"]))
    assert taken.code == 422 and "already allocated" in taken.json["message"]
    headless = server.ask("POST", place, service("headless", clusterIP="None")).json["spec"]
    assert headless["clusterIPs"] == ["None"]
    node_port = server.ask("POST", place, service("node", type="NodePort")).json["spec"]["ports"][0]["nodePort"]
    assert 30000 <= node_port < 32768
    other = server.ask("POST", place, service("other", type="NodePort")).json["spec"]["ports"][0]["nodePort"]
    assert other != node_port
    moved = server.ask("PATCH", f"{place}/first", {"spec": {"clusterIP": "10.96.9.9"}}, "application/merge-patch+json")
    assert moved.code == 422 and moved.json["details"]["causes"][0]["field"] == "spec.clusterIPs[0]"
    replaced = server.ask("PUT", f"{place}/first", service("first", ports=[{"port": 81}])).json["spec"]
    assert replaced["clusterIP"] == first["clusterIP"]
    plain = server.ask("PATCH", f"{place}/node", {"spec": {"type": "ClusterIP"}}, "application/merge-patch+json").json
    assert "nodePort" not in plain["spec"]["ports"][0]
    for name in ("first", "headless", "node", "other"):
        server.ask("DELETE", f"{place}/{name}")
    again = server.ask("POST", place, service("again", clusterIP=first["clusterIP"]))
    assert again.code == 201, "a deleted service gives its address back"


def test_what_may_change_in_a_pod(server: Server) -> None:
    place = PLACES["Pod"]
    server.ask("POST", place, pod("fixed"))
    image = [{"op": "replace", "path": "/spec/containers/0/image", "value": "web:2"}]
    assert server.ask("PATCH", f"{place}/fixed", image, "application/json-patch+json").code == 200
    env = [{"op": "add", "path": "/spec/containers/0/env", "value": [{"name": "A", "value": "b"}]}]
    refused = server.ask("PATCH", f"{place}/fixed", env, "application/json-patch+json")
    assert (refused.code, refused.json["details"]["causes"][0]["field"]) == (422, "spec")


def test_a_selector_cannot_change(server: Server) -> None:
    place = PLACES["Deployment"]
    server.ask("POST", place, deployment("rigid"))
    labels = {"app": "other"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}}
    changed = deployment("rigid", selector={"matchLabels": labels}, template=template)
    refused = server.ask("PUT", f"{place}/rigid", changed)
    assert (refused.code, refused.json["details"]["causes"][0]["field"]) == (422, "spec.selector")
    assert LABELS != labels
