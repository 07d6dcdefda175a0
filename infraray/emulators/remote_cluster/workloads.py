"""Makes manifests run on any cluster: their containers get an image and a program that listens on their ports.

The emulated cluster runs no image; here every container is Python's, with the same answers. It has no rights: neither
over the node, nor over the API server, as the strictest of Kubernetes' own profiles asks ("restricted").
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from infraray.emulators.remote_cluster.api import Object

LISTENER = Path(__file__).with_name("programs").joinpath("listener.py").read_text(encoding="utf-8")

PROFILE = {
    "pod-security.kubernetes.io/enforce": "restricted",
    "pod-security.kubernetes.io/enforce-version": "latest",
}
"""Labels of a namespace in which the API server takes no other pods."""

NOBODY = 65534

RESOURCES = {"requests": {"cpu": "5m", "memory": "24Mi"}, "limits": {"memory": "96Mi"}}


def runnable(manifest: Object, image: str) -> Object:
    """A manifest of a deployment whose pods run; any other as it is."""
    if manifest["kind"] != "Deployment":
        return manifest
    made = copy.deepcopy(manifest)
    pod = made["spec"]["template"]["spec"]
    pod["automountServiceAccountToken"] = False
    pod["enableServiceLinks"] = False
    pod["terminationGracePeriodSeconds"] = 0
    pod["securityContext"] = {
        "runAsNonRoot": True,
        "runAsUser": NOBODY,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    for container in pod["containers"]:
        container.update(_running(container, image))
    return made


def _running(container: Object, image: str) -> dict[str, Any]:
    ports = [f"{one.get('protocol', 'TCP')}:{one['containerPort']}" for one in container.get("ports", ())]
    return {
        "image": image,
        "command": ["python3", "-u", "-c", LISTENER, *ports],
        "env": [
            {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
            {"name": "POD", "value": "$(NAMESPACE)/$(NAME)"},
            {"name": "CONTAINER", "value": container["name"]},
        ],
        "resources": RESOURCES,
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
    }
