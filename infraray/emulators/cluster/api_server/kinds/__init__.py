"""Every kind that is stored, one a file."""

from __future__ import annotations

from . import (
    config_maps,
    deployments,
    endpoint_slices,
    endpoints,
    events,
    namespaces,
    network_policies,
    nodes,
    pods,
    replica_sets,
    secrets,
    service_accounts,
    services,
)

KINDS = (
    config_maps.KIND,
    endpoints.KIND,
    events.KIND,
    namespaces.KIND,
    nodes.KIND,
    pods.KIND,
    secrets.KIND,
    service_accounts.KIND,
    services.KIND,
    deployments.KIND,
    replica_sets.KIND,
    endpoint_slices.KIND,
    network_policies.KIND,
)

GROUPS = ("apps", "authentication.k8s.io", "authorization.k8s.io", "discovery.k8s.io", "networking.k8s.io")
"""API groups beside core; two of them answer questions and store nothing, see `reviews`."""
