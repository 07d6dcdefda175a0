"""What every cluster has from its first moment: its namespaces, and the service through which pods find the API."""

from __future__ import annotations

import asyncio
import ipaddress

from .api import Api
from .errors import Object
from .kinds import endpoint_slices, endpoints, namespaces, services
from .store import Change
from .writing import Options

NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")

_OPTIONS = Options(manager="kube-apiserver")
_NAME = "kubernetes"
_LABELS = {"component": "apiserver", "provider": "kubernetes"}


def create_first_objects(api: Api, service_network: str, host: str, port: int) -> None:
    """Creates them; the service's endpoint is the server's own address."""
    for name in NAMESPACES:
        api.writer.create(namespaces.KIND, "", {"metadata": {"name": name}}, _OPTIONS)
    first = str(ipaddress.ip_network(service_network)[1])
    ports = [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": port}]
    service = {"metadata": {"name": _NAME, "labels": _LABELS}, "spec": {"clusterIP": first, "ports": ports}}
    _keep_service(api, service)
    if ipaddress.ip_address(host).is_loopback or ipaddress.ip_address(host).is_unspecified:
        return  # no address that pods could reach
    listening = [{"name": "https", "port": port, "protocol": "TCP"}]
    subsets = [{"addresses": [{"ip": host}], "ports": listening}]
    api.writer.create(endpoints.KIND, "default", {"metadata": {"name": _NAME}, "subsets": subsets}, _OPTIONS)
    labels = {"kubernetes.io/service-name": _NAME}
    piece = {
        "metadata": {"name": _NAME, "labels": labels},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [host], "conditions": {"ready": True}}],
        "ports": listening,
    }
    api.writer.create(endpoint_slices.KIND, "default", piece, _OPTIONS)


def _keep_service(api: Api, service: Object) -> None:
    """Creates the service, now and whenever it is deleted."""

    def create() -> None:
        api.writer.create(services.KIND, "default", service, _OPTIONS)

    def follow(change: Change) -> None:
        if change.after is None and change.key == ("default", _NAME):
            asyncio.get_running_loop().call_soon(create)

    create()
    api.objects[services.KIND].listeners[follow] = follow
