"""What runs, apart from the policies: whether it is still what it was.

A connection may be made to look right in many ways: another process that listens in a service's place, a pod with
another's labels, a service with another selector, a probe that always passes. None of them is a repair, so everything
but the policies has to stand as it stood.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from infraray.emulators.cluster.inside.api_client import key
from infraray.emulators.cluster.inside.owners import deployments_of
from infraray.scenarios.kubernetes_policy.site.application import Manifest

READ = {
    "Namespace": "/api/v1/namespaces",
    "Pod": "/api/v1/pods",
    "Service": "/api/v1/services",
    "Deployment": "/apis/apps/v1/deployments",
    "ReplicaSet": "/apis/apps/v1/replicasets",
    "EndpointSlice": "/apis/discovery.k8s.io/v1/endpointslices",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/networkpolicies",
}
"""Where the API server lists each kind that is looked at."""

TIES = ("ownerReferences", "finalizers", "deletionTimestamp")
"""What makes a policy end with something else, or not end."""

_CONTAINERS = ("containers", "initContainers", "ephemeralContainers")

Standing = Mapping[str, str]
"""What there is, by a name, in a form that is equal for what is equal."""


def standing(objects: Mapping[str, Iterable[Manifest]]) -> Standing:
    """What runs.

    Args:
        objects: the objects of each kind of `READ`, as the API server lists them.
    """
    found: dict[str, str] = {}
    for kind in ("Namespace", "Service", "Deployment"):
        for one in objects[kind]:
            found[_name(kind, one)] = appearance(kind, one)
    for one in objects["NetworkPolicy"]:
        if ties := {tie: one["metadata"][tie] for tie in TIES if tie in one["metadata"]}:
            found[f"ties of {_name('NetworkPolicy', one)}"] = _text(ties)
    group_of = groups(objects)
    pods: dict[str, list[str]] = {}
    for pod in objects["Pod"]:
        # A pod that is on its way out neither counts nor does harm: its successor stands for it.
        if "deletionTimestamp" not in pod["metadata"]:
            pods.setdefault(group_of[key(pod)], []).append(_text(_of_pod(pod)))
    found |= {name: _text(sorted(those)) for name, those in pods.items()}
    at = {(pod["metadata"]["namespace"], pod.get("status", {}).get("podIP")): pod for pod in objects["Pod"]}
    for one in objects["EndpointSlice"]:
        namespace = one["metadata"]["namespace"]
        service = one["metadata"].get("labels", {}).get("kubernetes.io/service-name", one["metadata"]["name"])
        behind = [
            group_of[key(behind_it)] if (behind_it := at.get((namespace, address))) is not None else address
            for endpoint in one.get("endpoints") or ()
            for address in endpoint["addresses"]
        ]
        found[f"endpoints {namespace}/{service}"] = _text([sorted(behind), one.get("ports")])
    return found


def appearance(kind: str, one: Mapping[str, Any]) -> str:
    """What counts of an object by itself, for a moment too.

    Labels and specification; of a pod its labels and address; of a slice its endpoints and ports.
    """
    if kind == "EndpointSlice":
        return _text([[endpoint["addresses"] for endpoint in one.get("endpoints") or ()], one.get("ports")])
    labels = one["metadata"].get("labels")
    if kind == "Pod":
        return _text([labels, one.get("status", {}).get("podIP")])
    return _text({"labels": labels, "spec": one.get("spec")})


def groups(objects: Mapping[str, Iterable[Manifest]]) -> dict[str, str]:
    """The deployment that each pod belongs to, ``pods NAMESPACE/NAME``, or the pod itself, by ``NAMESPACE/NAME``."""
    deployments = deployments_of(objects["Pod"], objects["ReplicaSet"])
    return {
        key(pod): f"pods {deployments[key(pod)]}" if key(pod) in deployments else _name("Pod", pod)
        for pod in objects["Pod"]
    }


def uids(objects: Mapping[str, Iterable[Manifest]]) -> dict[str, str]:
    """The identities of the pods and policies that exist, by name; another one under the same name is new."""
    return {
        _name(kind, one): one["metadata"]["uid"]
        for kind in ("Pod", "NetworkPolicy")
        for one in objects[kind]
        if "deletionTimestamp" not in one["metadata"]
    }


def differing(one: Standing, other: Standing) -> set[str]:
    """The names of what is not equal in both."""
    return {name for name in {*one, *other} if one.get(name) != other.get(name)}


def addresses_of(objects: Mapping[str, Iterable[Manifest]]) -> dict[str, str]:
    """The addresses of the running pods, by the value of their label ``app``."""
    return {
        pod["metadata"].get("labels", {}).get("app", ""): pod["status"]["podIP"]
        for pod in objects["Pod"]
        if pod.get("status", {}).get("podIP") and "deletionTimestamp" not in pod["metadata"]
    }


def _of_pod(pod: Manifest) -> dict[str, Any]:
    conditions = {one["type"]: one["status"] for one in pod.get("status", {}).get("conditions") or ()}
    return {
        "labels": pod["metadata"].get("labels"),
        "containers": [
            {key: value for key, value in container.items() if key != "volumeMounts"}
            for name in _CONTAINERS
            for container in pod["spec"].get(name) or ()
        ],
        "hostNetwork": pod["spec"].get("hostNetwork", False),
        "phase": pod.get("status", {}).get("phase"),
        "ready": conditions.get("Ready"),
    }


def _name(kind: str, one: Manifest) -> str:
    namespace = one["metadata"].get("namespace", "")
    return f"{kind} {namespace}{'/' if namespace else ''}{one['metadata']['name']}"


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
