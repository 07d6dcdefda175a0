"""An application at one moment: its objects, and what follows from them about who answers where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from infraray.emulators.cluster.inside.api_client import KINDS, key
from infraray.emulators.cluster.inside.owners import deployments_of
from infraray.emulators.remote_cluster.api import Object
from infraray.emulators.remote_cluster.view import View
from infraray.network_policies import PolicyEvaluator

READ = ("Namespace", "Deployment", "ReplicaSet", "Pod", "Service", "EndpointSlice", "NetworkPolicy")

SERVICE_LABEL = "kubernetes.io/service-name"


@dataclass(frozen=True)
class Look:
    """The objects of each kind of `READ`, by ``namespace/name``."""

    objects: Mapping[str, Mapping[str, Object]]

    @classmethod
    def at(cls, view: View) -> Look:
        """Looks at an application's namespaces.

        Raises:
            InfrarayError: they cannot be looked at.
        """
        found = {}
        for name in READ:
            kind = KINDS[name]
            answer = view.request("GET", kind.url())
            items = [{"apiVersion": kind.api_version, "kind": name, **one} for one in answer["items"]]
            found[name] = {key(one): one for one in items}
        return cls(found)

    @cached_property
    def running(self) -> Mapping[str, Object]:
        """The pods in which commands can be run."""
        return {
            name: pod
            for name, pod in self.objects["Pod"].items()
            if pod.get("status", {}).get("phase") == "Running"
            and pod["status"].get("podIP")
            and not pod["metadata"].get("deletionTimestamp")
        }

    @cached_property
    def pods_of(self) -> Mapping[str, Sequence[str]]:
        """The running pods of each deployment, both by ``namespace/name``, in order."""
        found: dict[str, list[str]] = {}
        for pod, deployment in self._deployments.items():
            if pod in self.running:
                found.setdefault(deployment, []).append(pod)
        return found

    @cached_property
    def _deployments(self) -> Mapping[str, str]:
        return deployments_of(self.objects["Pod"].values(), self.objects["ReplicaSet"].values())

    @cached_property
    def evaluator(self) -> PolicyEvaluator:
        """Tells what the policies permit."""
        kinds = ("Namespace", "NetworkPolicy")
        manifests = [*self.running.values(), *(one for kind in kinds for one in self.objects[kind].values())]
        return PolicyEvaluator.of(manifests)

    @cached_property
    def ready_addresses(self) -> Mapping[str, frozenset[str]]:
        """The addresses behind each service that are ready, by ``namespace/name``."""
        found: dict[str, set[str]] = {name: set() for name in self.objects["Service"]}
        for slice_of in self._slices:
            found.setdefault(_service_of(slice_of), set()).update(_ready(slice_of))
        return {name: frozenset(addresses) for name, addresses in found.items()}

    def address(self, service: str) -> str:
        """The address of a service; empty if there is none."""
        found = self.objects["Service"].get(service)
        return "" if found is None else str(found["spec"].get("clusterIP") or "")

    def behind(self, service: str, port: int, protocol: str) -> list[tuple[str, int]]:
        """The pods, ``namespace/name``, and their ports that stand behind a port of a service and are ready."""
        found = self.objects["Service"].get(service)
        names = [
            one.get("name")
            for one in (found or {"spec": {}})["spec"].get("ports") or ()
            if one["port"] == port and one.get("protocol", "TCP") == protocol
        ]
        at = {pod["status"]["podIP"]: name for name, pod in self.running.items()}
        return [
            (at[address], listening["port"])
            for slice_of in self._slices
            if _service_of(slice_of) == service
            for listening in slice_of.get("ports") or ()
            if (listening.get("name") or None) in [name or None for name in names]
            for address in _ready(slice_of)
            if address in at
        ]

    def unrest(self) -> str:
        """What is still on its way, in words; empty if everything is as the deployments and services say."""
        for name, one in self.objects["Deployment"].items():
            wanted, status = one["spec"].get("replicas", 1), one.get("status", {})
            if status.get("observedGeneration", 0) < one["metadata"].get("generation", 1):
                return f"deployment {name} was not looked at yet"
            counts = [status.get(count, 0) for count in ("replicas", "updatedReplicas", "readyReplicas")]
            if counts != [wanted] * 3:
                return f"deployment {name} has {counts[2]} of {wanted} pods ready{self._trouble(name)}"
            if len(self.pods_of.get(name, ())) != wanted:
                return f"deployment {name} has {len(self.pods_of.get(name, ()))} of {wanted} pods"
        for name, pod in self.objects["Pod"].items():
            if pod["metadata"].get("deletionTimestamp"):
                return f"pod {name} has not ended yet"
        for name, service in self.objects["Service"].items():
            selector = service["spec"].get("selector")
            if selector and self.ready_addresses[name] != self._selected(service["metadata"]["namespace"], selector):
                return f"the addresses behind service {name} are not those of its pods"
        return ""

    @property
    def _slices(self) -> list[Object]:
        return [one for _, one in sorted(self.objects["EndpointSlice"].items())]

    def _selected(self, namespace: str, selector: Mapping[str, str]) -> frozenset[str]:
        """The addresses of the ready pods that a service selects."""
        return frozenset(
            pod["status"]["podIP"]
            for pod in self.running.values()
            if pod["metadata"]["namespace"] == namespace
            and selector.items() <= (pod["metadata"].get("labels") or {}).items()
            and any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions") or ())
        )

    def _trouble(self, deployment: str) -> str:
        """Why a pod of a deployment does not start, if its node or the API server says so."""
        for name, pod in self.objects["Pod"].items():
            if self._deployments.get(name) != deployment:
                continue
            for one in pod.get("status", {}).get("containerStatuses") or ():
                waiting = one.get("state", {}).get("waiting") or {}
                if waiting.get("reason") not in (None, "ContainerCreating", "PodInitializing"):
                    return f" (pod {name}: {waiting['reason']}: {waiting.get('message', '')})"
            for one in pod.get("status", {}).get("conditions") or ():
                if one["type"] == "PodScheduled" and one["status"] == "False":
                    return f" (pod {name}: {one.get('reason', '')}: {one.get('message', '')})"
        for one in self.objects["Deployment"][deployment].get("status", {}).get("conditions") or ():
            if one["type"] == "ReplicaFailure" and one["status"] == "True":
                return f" ({one.get('message', '')})"
        return ""


def _service_of(slice_of: Object) -> str:
    metadata = slice_of["metadata"]
    return f"{metadata['namespace']}/{(metadata.get('labels') or {}).get(SERVICE_LABEL, metadata['name'])}"


def _ready(slice_of: Object) -> list[str]:
    return [
        address
        for endpoint in slice_of.get("endpoints") or ()
        if (endpoint.get("conditions") or {}).get("ready") is not False
        for address in endpoint["addresses"]
    ]
