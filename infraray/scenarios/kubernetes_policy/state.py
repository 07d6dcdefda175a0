"""The state of a cluster at one moment, as far as it counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infraray.emulators.cluster.cluster import Change, Cluster, Probe
from infraray.emulators.remote_cluster.cluster import RemoteCluster
from infraray.scenarios.kubernetes_policy.faults.fault import key_of
from infraray.scenarios.kubernetes_policy.site import Application
from infraray.scenarios.kubernetes_policy.site.application import Manifest
from infraray.scenarios.kubernetes_policy.standing import READ, Standing, addresses_of, groups, standing, uids


@dataclass(frozen=True)
class State:
    """What runs, the policies, and which attempts to connect succeed.

    Args:
        objects: the objects of each kind of `READ`.
        attempts: for each of the application's attempts, whether the target itself answered.
        changes: what became of objects since the last command began.
    """

    objects: Mapping[str, Sequence[Manifest]]
    attempts: NDArray[np.bool_]
    changes: Sequence[Change] = ()

    @classmethod
    def of(cls, cluster: Cluster | RemoteCluster, application: Application) -> State:
        """Looks at a cluster.

        Raises:
            InfrarayError: it cannot be looked at.
        """
        outcomes = cluster.matrix(probes(application))
        objects = {kind: listed(cluster, kind, path) for kind, path in READ.items()}
        of_pod = groups(objects)
        attempts = [
            outcome.connected and of_pod.get(outcome.answered) == f"pods {target.namespace}/{target.name}"
            for (_, target), outcome in zip(application.attempts, outcomes, strict=True)
        ]
        return cls(objects, np.array(attempts, np.bool_), cluster.changes())

    @property
    def policies(self) -> Sequence[Manifest]:
        """The NetworkPolicies."""
        return self.objects["NetworkPolicy"]

    @cached_property
    def standing(self) -> Standing:
        """What runs."""
        return standing(self.objects)

    @cached_property
    def uids(self) -> dict[str, str]:
        """The identities of pods and policies."""
        return uids(self.objects)

    @property
    def specs(self) -> dict[str, Any]:
        """The policies' specifications by place."""
        return {"/".join(key_of(one)): one.get("spec") for one in self.policies}

    @cached_property
    def addresses(self) -> dict[str, str]:
        """The pods' addresses by workload."""
        return addresses_of(self.objects)


def probes(application: Application) -> list[Probe]:
    """Every attempt, through the target's service and from inside the source's pod."""
    return [
        Probe(
            f"deployment/{source.name}",
            f"{target.name}.{target.namespace}",
            target.service_port,
            target.protocol,
            source.namespace,
        )
        for source, target in application.attempts
    ]


def listed(cluster: Cluster | RemoteCluster, kind: str, path: str) -> list[Manifest]:
    """All objects of a kind; a list's items lack the kind that they have when read alone."""
    answer = cluster.request("GET", path)
    return [{"apiVersion": answer["apiVersion"], "kind": kind, **item} for item in answer["items"]]
