"""The same task with its namespaces under other names, as a cluster needs that several tasks share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from infraray.network_policies.pods import NAME_LABEL
from infraray.scenarios.kubernetes_policy.site import Application, Site
from infraray.scenarios.kubernetes_policy.site.application import Manifest
from infraray.scenarios.kubernetes_policy.tasks import BrokenSite


def relocated(broken: BrokenSite, names: Mapping[str, str]) -> BrokenSite:
    """A task in other namespaces.

    Args:
        broken: the task.
        names: the new name of each namespace of its application; others that policies mention keep theirs.
    """
    site = broken.site
    policies = tuple(_policy(one, names) for one in site.policies)
    faults = tuple(replace(fault, manifest=_policy(fault.manifest, names)) for fault in broken.faults)
    return replace(broken, site=Site(_application(site.application, names), policies), faults=faults)


def _application(application: Application, names: Mapping[str, str]) -> Application:
    workloads = tuple(replace(one, namespace=names[one.namespace]) for one in application.workloads)
    return replace(application, workloads=workloads)


def _policy(policy: Manifest, names: Mapping[str, str]) -> Manifest:
    metadata = {**policy["metadata"], "namespace": names[policy["metadata"]["namespace"]]}
    return {**policy, "metadata": metadata, "spec": _renamed(policy["spec"], names)}


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    """A part of a policy, in which labels with namespaces' names have the new ones."""
    if isinstance(value, list):
        return [_renamed(one, names) for one in value]
    if not isinstance(value, dict):
        return value
    if value.get("key") == NAME_LABEL:
        return {**value, "values": [names.get(one, one) for one in value.get("values", ())]}
    return {
        name: names.get(one, one) if name == NAME_LABEL and isinstance(one, str) else _renamed(one, names)
        for name, one in value.items()
    }
