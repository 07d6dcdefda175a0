"""A supply of clusters: the next one is built while an agent thinks about the current one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from infraray.emulators.cluster.cluster import Cluster, Manifest
from infraray.emulators.supply import Supply
from infraray.isolation import Limits


class ClusterSupply(Supply[Cluster]):
    """Clusters, one of which is always ready or being built; see `Supply`.

    Args:
        manifests: what each cluster has from the start, in order.
        limits: the limits of each command.
        pods: pod networks to make ahead for what will be applied.
        api_server: see `Cluster`.
    """

    def __init__(
        self, manifests: Sequence[Manifest] = (), limits: Limits | None = None, pods: int = 0, api_server: str = ""
    ) -> None:
        self._make = partial(_build, tuple(manifests), limits, pods, api_server)
        super().__init__("clusters", self._make)

    def take(self) -> Cluster:
        """Takes a cluster that has come to rest and begins to build the next one; close it when done.

        Raises:
            InfrarayError: this machine cannot emulate clusters, or the supply is closed.
        """
        cluster = self._take_prepared()
        if cluster is None or not cluster.alive:
            cluster = self._make()
        self._prepare()
        return cluster


def _build(manifests: Sequence[Manifest], limits: Limits | None, pods: int, api_server: str) -> Cluster:
    cluster = Cluster(limits, pods, api_server)
    try:
        cluster.apply(manifests)
        cluster.settle()
    except BaseException:
        cluster.close()
        raise
    return cluster
