"""What is served, as clients discover it: one group at a time, or all at once (aggregated)."""

from __future__ import annotations

import os
import sys

from .errors import Object
from .kind import Kind
from .kinds import KINDS
from .reviews import REVIEWS, Review

VERSION = "1.37"
"""The version of Kubernetes whose behaviour this server has."""

_AGGREGATED = "apidiscovery.k8s.io"

_SUBRESOURCES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "status": ("", "", ("get", "patch", "update")),
    "scale": ("autoscaling", "Scale", ("get", "patch", "update")),
    "ephemeralcontainers": ("", "", ("get", "patch", "update")),
    "binding": ("", "Binding", ("create",)),
    "eviction": ("policy", "Eviction", ("create",)),
    "finalize": ("", "", ("update",)),
    "log": ("", "", ("get",)),
    "exec": ("", "PodExecOptions", ("create", "get")),
    "attach": ("", "PodAttachOptions", ("create", "get")),
    "portforward": ("", "PodPortForwardOptions", ("create", "get")),
}
"""Group and kind of what a subresource takes (empty: the resource's own), and its verbs."""


def api_versions(address: str) -> Object:
    """``/api`` for clients that ask one by one."""
    where = [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}]
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": where}


def group_names() -> list[str]:
    """The groups beside core."""
    names = {kind.group for kind in KINDS} | {review.group for review in REVIEWS}
    return sorted(name for name in names if name)


def api_group(name: str) -> Object:
    """One group."""
    version = {"groupVersion": f"{name}/v1", "version": "v1"}
    return {"kind": "APIGroup", "apiVersion": "v1", "name": name, "versions": [version], "preferredVersion": version}


def api_groups() -> Object:
    """``/apis`` for clients that ask one by one."""
    groups = [api_group(name) for name in group_names()]
    for group in groups:
        del group["kind"], group["apiVersion"]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def api_resources(group: str) -> Object:
    """The resources of a group."""
    resources: list[Object] = []
    for kind in _kinds_of(group):
        resource: Object = {
            "name": kind.plural,
            "singularName": kind.singular,
            "namespaced": kind.namespaced,
            "kind": kind.name,
            "verbs": list(kind.verbs),
        }
        resources.append(resource | _other_names(kind))
        for name in getattr(kind, "subresources", ()):
            other, taken, verbs = _SUBRESOURCES[name]
            resource = {
                "name": f"{kind.plural}/{name}",
                "singularName": "",
                "namespaced": kind.namespaced,
                "kind": taken or kind.name,
                "verbs": list(verbs),
            }
            if other:
                resource |= {"group": other, "version": "v1"}
            resources.append(resource)
    version = f"{group}/v1" if group else "v1"
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": resources}


def aggregated(groups: list[str], version: str) -> Object:
    """All resources of some groups at once, in a version of the aggregated form."""
    items = []
    for group in groups:
        resources = [_aggregated_resource(kind) for kind in _kinds_of(group)]
        versions = [{"version": "v1", "resources": resources, "freshness": "Current"}]
        metadata = {"name": group} if group else {}
        items.append({"metadata": metadata, "versions": versions})
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": f"{_AGGREGATED}/{version}",
        "metadata": {},
        "items": items,
    }


def aggregated_version(accept: str) -> str:
    """The version of the aggregated form that a client asks for; empty if for none."""
    for offer in accept.split(","):
        parts = [part.strip() for part in offer.split(";")]
        if f"g={_AGGREGATED}" in parts and "as=APIGroupDiscoveryList" in parts:
            for version in ("v2", "v2beta1"):
                if f"v={version}" in parts:
                    return version
    return ""


def aggregated_media_type(version: str) -> str:
    """The content type of the aggregated form."""
    return f"application/json;g={_AGGREGATED};v={version};as=APIGroupDiscoveryList"


def _kinds_of(group: str) -> list[Kind | Review]:
    return [kind for kind in (*KINDS, *REVIEWS) if kind.group == group]


def _response_kind(group: str, kind: str) -> Object:
    return {"group": group, "version": "v1", "kind": kind}


def _aggregated_resource(kind: Kind | Review) -> Object:
    resource: Object = {
        "resource": kind.plural,
        "responseKind": _response_kind(kind.group, kind.name),
        "scope": "Namespaced" if kind.namespaced else "Cluster",
        "singularResource": kind.singular,
        "verbs": list(kind.verbs),
    }
    resource |= _other_names(kind)
    if isinstance(kind, Kind) and kind.subresources:
        resource["subresources"] = []
        for name in kind.subresources:
            other, taken, verbs = _SUBRESOURCES[name]
            response = _response_kind(other, taken) if taken else _response_kind(kind.group, kind.name)
            resource["subresources"].append({"subresource": name, "responseKind": response, "verbs": list(verbs)})
    return resource


def _other_names(kind: Kind | Review) -> Object:
    """What a kind is also called, and with what it is listed, where there is such a thing."""
    names = {"shortNames": kind.short_names, "categories": kind.categories} if isinstance(kind, Kind) else {}
    return {field: list(given) for field, given in names.items() if given}


def version_info() -> Object:
    """``/version``."""
    major, _, minor = VERSION.partition(".")
    return {
        "major": major,
        "minor": minor,
        "emulationMajor": major,
        "emulationMinor": minor,
        "minCompatibilityMajor": major,
        "minCompatibilityMinor": str(int(minor) - 1),
        "gitVersion": f"v{VERSION}.0+infraray",
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "none",
        "compiler": sys.implementation.name,
        "platform": f"{sys.platform}/{os.uname().machine}",
    }
