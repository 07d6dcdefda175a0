"""The official Python client works unchanged: typed, dynamic, with watches, informers and files."""

import threading

import pytest
import yaml
from kubernetes import client, dynamic, utils, watch
from kubernetes.informer import SharedInformer

from infraray.emulators.cluster.api_server.kinds import KINDS
from infraray.emulators.cluster.api_server.schema import SCALARS, Field, all_types
from tests.emulators.cluster.api_server.objects import EVERY, config_map, deployment, policy
from tests.emulators.cluster.api_server.server import Server


def test_typed_objects_round_trip(api_client: client.ApiClient, namespace: str) -> None:
    apps = client.AppsV1Api(api_client)
    apps.create_namespaced_deployment(namespace, deployment("web"))
    read = apps.read_namespaced_deployment("web", namespace)
    assert read.spec.replicas == 1 and read.spec.strategy.rolling_update.max_surge == "25%"
    read.spec.replicas = 4
    written = apps.replace_namespaced_deployment("web", namespace, read)
    assert (written.spec.replicas, written.metadata.generation) == (4, 2)
    assert api_client.sanitize_for_serialization(written) == api_client.sanitize_for_serialization(
        apps.read_namespaced_deployment("web", namespace)
    )
    scale = apps.patch_namespaced_deployment_scale("web", namespace, {"spec": {"replicas": 2}})
    assert (scale.kind, scale.spec.replicas, scale.status.selector) == ("Scale", 2, "app=web")
    with pytest.raises(client.ApiException) as told:
        apps.read_namespaced_deployment("other", namespace)
    assert told.value.status == 404


@pytest.mark.parametrize("path", EVERY, ids=lambda path: path.rpartition("/")[2])
def test_every_kind_is_read_as_it_is_written(
    server: Server, api_client: client.ApiClient, namespace: str, path: str
) -> None:
    place = "/" + path.replace("NS", namespace)
    sent = server.ask("POST", place, EVERY[path]("read")).json
    kind = next(kind for kind in KINDS if kind.plural == path.rpartition("/")[2])
    model = "CoreV1Event" if kind.name == "Event" else f"V1{kind.name}"
    read = api_client.deserialize(server.ask("GET", f"{place}/read").body.decode(), model, "application/json")
    back = api_client.sanitize_for_serialization(read)
    assert without_times(back) == without_times(sent)
    server.ask("DELETE", f"{place}/read")


def without_times(given: object) -> object:
    """The client writes times in another form."""
    if isinstance(given, dict):
        return {
            name: without_times(value) for name, value in given.items() if name not in ("creationTimestamp", "time")
        }
    return [without_times(item) for item in given] if isinstance(given, list) else given


def test_a_watch_tells_what_happens(api_client: client.ApiClient, namespace: str) -> None:
    core = client.CoreV1Api(api_client)
    version = core.list_namespaced_config_map(namespace).metadata.resource_version
    core.create_namespaced_config_map(namespace, config_map("seen", a="1"))
    core.patch_namespaced_config_map("seen", namespace, {"data": {"a": "2"}})
    core.delete_namespaced_config_map("seen", namespace)
    events = []
    watching = watch.Watch()
    for event in watching.stream(core.list_namespaced_config_map, namespace, resource_version=version):
        events.append((event["type"], event["object"].data["a"]))
        if event["type"] == "DELETED":
            watching.stop()
    assert events == [("ADDED", "1"), ("MODIFIED", "2"), ("DELETED", "2")]


def test_an_informer_keeps_up(api_client: client.ApiClient, namespace: str) -> None:
    core = client.CoreV1Api(api_client)
    informer = SharedInformer(core.list_namespaced_config_map, namespace=namespace)
    seen = threading.Event()
    informer.add_event_handler("ADDED", lambda given: given.metadata.name == "late" and seen.set())
    informer.start()
    core.create_namespaced_config_map(namespace, config_map("late"))
    assert seen.wait(10)
    # It notices that it is to stop with the next event.
    later = threading.Timer(0.2, core.delete_namespaced_config_map, ("late", namespace))
    later.start()
    informer.stop()
    later.join()  # it may not be, if another event came first


def test_the_dynamic_client_finds_all_kinds(api_client: client.ApiClient, namespace: str) -> None:
    found = dynamic.DynamicClient(api_client)
    resource = found.resources.get(api_version="networking.k8s.io/v1", kind="NetworkPolicy")
    body = policy("applied", policyTypes=["Egress"])
    resource.server_side_apply(namespace=namespace, body=body, name="applied", field_manager="test")
    patch = {"spec": {"egress": [{}]}}
    patched = resource.patch(
        namespace=namespace, name="applied", body=patch, content_type="application/merge-patch+json"
    )
    assert patched.spec.egress and [item.metadata.name for item in resource.get(namespace=namespace).items] == [
        "applied"
    ]


def test_objects_come_from_yaml(api_client: client.ApiClient, namespace: str) -> None:
    text = yaml.safe_dump_all([deployment("web"), policy("closed")])
    utils.create_from_yaml(api_client, yaml_objects=list(yaml.safe_load_all(text)), namespace=namespace)
    assert client.NetworkingV1Api(api_client).read_namespaced_network_policy("closed", namespace).spec.policy_types == [
        "Ingress"
    ]


def test_the_fields_are_those_of_the_client() -> None:
    """What it declares of each type: names, shapes and types of all fields."""
    for declared in all_types():
        model = next(
            found
            for prefix in ("V1", "CoreV1", "DiscoveryV1")
            if (found := getattr(client, prefix + declared.name, None)) is not None
            and set(found.attribute_map.values()) == set(declared.fields)
        )
        for attribute, name in model.attribute_map.items():
            assert same_type(model.openapi_types[attribute], declared.fields[name]), (declared.name, name)


def same_type(theirs: str, ours: Field) -> bool:
    for prefix, shape in (("List[", "list"), ("Dict[str, List[", "map of lists"), ("Dict[str, ", "map")):
        if theirs.startswith(prefix):
            theirs = theirs.removeprefix(prefix).rstrip("]")
            if ours.shape != shape:
                return False
            break
    else:
        if ours.shape != "value":
            return False
    if ours.type_name not in SCALARS:
        return theirs.removeprefix("Core").removeprefix("Discovery") == f"V1{ours.type_name}"
    words = {
        "string": ("str",),
        "quantity": ("str",),
        "bytes": ("str", "bytes"),
        "integer": ("int",),
        "long": ("int",),
        "boolean": ("bool",),
        "time": ("datetime",),
        "micro-time": ("datetime",),
        "int-or-string": ("object",),
        "any": ("object",),
    }
    return theirs in words[ours.type_name]
