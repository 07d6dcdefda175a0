"""Keeps as many pods as a replica set asks for.

A pod that no longer has the labels that its replica set selects is let go and replaced; one without an owner that has
them is adopted.
"""

from __future__ import annotations

from typing import Any

from ..agent import Agent
from ..api_client import PODS, REPLICA_SETS, Object
from ..policy_rules import matches
from .ownership import controller_of, is_ready, owner_reference


class ReplicaSetController:
    """The controller.

    Args:
        agent: what watches and writes.
    """

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    def reconcile(self) -> None:
        """Makes and deletes pods, and reports."""
        pods: dict[str, list[Object]] = {}
        for pod in self._agent.all(PODS):
            pods.setdefault(pod["metadata"]["namespace"], []).append(pod)
        for found in list(self._agent.all(REPLICA_SETS)):
            if not found["metadata"].get("deletionTimestamp"):
                self._look_after(found, pods.get(found["metadata"]["namespace"], []))

    def _look_after(self, found: Object, pods: list[Object]) -> None:
        metadata, spec = found["metadata"], found["spec"]
        own = self._claimed(found, pods)
        wanted = spec.get("replicas", 1)
        for _ in range(wanted - len(own)):
            own.append(self._agent.create(PODS, self._pod(found)))
        if len(own) > wanted:
            # First those that are worth least: not ready, then the youngest.
            own.sort(key=lambda pod: (is_ready(pod), pod["metadata"]["name"]), reverse=True)
            for pod in own[wanted:]:
                of = pod["metadata"]
                self._agent.delete(PODS, of["namespace"], of["name"], of["uid"])
            own = own[:wanted]
        ready = sum(map(is_ready, own))
        status = {
            "replicas": len(own),
            "fullyLabeledReplicas": len(own),
            "readyReplicas": ready,
            "availableReplicas": ready,
            "observedGeneration": metadata["generation"],
        }
        if any((found.get("status") or {}).get(name, 0) != value for name, value in status.items()):
            self._agent.patch(REPLICA_SETS, metadata["namespace"], metadata["name"], {"status": status}, "status")

    def _claimed(self, found: Object, pods: list[Object]) -> list[Object]:
        """The living pods of a replica set, after adopting and letting go."""
        uid, own = found["metadata"]["uid"], []
        for pod in pods:
            metadata = pod["metadata"]
            finished = (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")
            if metadata.get("deletionTimestamp") or finished:
                continue
            owner = controller_of(pod)
            selected = matches(found["spec"]["selector"], metadata.get("labels") or {})
            references = list(metadata.get("ownerReferences") or ())
            if owner == uid and not selected:
                left = [one for one in references if one["uid"] != uid]
                self._own(pod, left)
            elif not owner and selected:
                self._own(pod, [*references, owner_reference(REPLICA_SETS, found)])
                own.append(pod)
            elif owner == uid:
                own.append(pod)
        return own

    def _own(self, pod: Object, references: list[Object]) -> None:
        metadata = pod["metadata"]
        change = {"metadata": {"ownerReferences": references, "uid": metadata["uid"]}}
        self._agent.patch(PODS, metadata["namespace"], metadata["name"], change)

    def _pod(self, found: Object) -> dict[str, Any]:
        template, metadata = found["spec"]["template"], found["metadata"]
        of_template = template.get("metadata") or {}
        made: dict[str, Any] = {
            "generateName": f"{metadata['name']}-",
            "namespace": metadata["namespace"],
            "labels": of_template.get("labels") or {},
            "ownerReferences": [owner_reference(REPLICA_SETS, found)],
        }
        if of_template.get("annotations"):
            made["annotations"] = of_template["annotations"]
        return {"metadata": made, "spec": template["spec"]}
