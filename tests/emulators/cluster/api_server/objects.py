"""Objects for tests, as small as they may be."""

from typing import Any

LABELS = {"app": "web"}


def pod(name: str, **spec: Any) -> dict[str, Any]:
    containers = [{"name": "web", "image": "web:1"}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": LABELS},
        "spec": {"containers": containers} | spec,
    }


def deployment(name: str, **spec: Any) -> dict[str, Any]:
    template = {"metadata": {"labels": LABELS}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"selector": {"matchLabels": LABELS}, "template": template} | spec,
    }


def service(name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": LABELS, "ports": [{"port": 80}]} | spec,
    }


def policy(name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name},
        "spec": {"podSelector": {}} | spec,
    }


def config_map(name: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def replica_set(name: str, **spec: Any) -> dict[str, Any]:
    return deployment(name, **spec) | {"kind": "ReplicaSet"}


def node(name: str, port: int = 0) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name},
        "status": {
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
        },
    }


EVERY = {
    "api/v1/namespaces/NS/pods": pod,
    "api/v1/namespaces/NS/services": service,
    "api/v1/namespaces/NS/configmaps": config_map,
    "api/v1/namespaces/NS/secrets": lambda name: config_map(name) | {"kind": "Secret", "data": {"a": "Yg=="}},
    "api/v1/namespaces/NS/serviceaccounts": lambda name: {"metadata": {"name": name}},
    "api/v1/namespaces/NS/endpoints": lambda name: {
        "metadata": {"name": name},
        "subsets": [{"addresses": [{"ip": "10.0.0.1"}], "ports": [{"port": 80}]}],
    },
    "api/v1/namespaces/NS/events": lambda name: {
        "metadata": {"name": name},
        "involvedObject": {"kind": "Pod", "name": "web"},
        "reason": "Started",
        "message": "it started",
        "type": "Normal",
    },
    "api/v1/namespaces": lambda name: {"metadata": {"name": name}},
    "api/v1/nodes": node,
    "apis/apps/v1/namespaces/NS/deployments": deployment,
    "apis/apps/v1/namespaces/NS/replicasets": replica_set,
    "apis/networking.k8s.io/v1/namespaces/NS/networkpolicies": policy,
    "apis/discovery.k8s.io/v1/namespaces/NS/endpointslices": lambda name: {
        "metadata": {"name": name},
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["10.0.0.1"]}],
        "ports": [{"port": 80}],
    },
}
"""Paths of all kinds, with a function that makes an object of a name; NS stands for a namespace."""
