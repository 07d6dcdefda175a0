"""Rolls deployments out: a replica set for each template, and replicas moved from the old ones to the newest.

Source: the documentation of Deployments; ``deployment.kubernetes.io/revision`` and ``pod-template-hash`` are what
kubectl rollout reads.
"""

from __future__ import annotations

import copy
import hashlib
import json
import math
import time
from typing import Any

from ..agent import Agent
from ..api_client import DEPLOYMENTS, REPLICA_SETS, Object
from .ownership import controller_of, owner_reference

HASH = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"

LETTERS = "bcdfghjklmnpqrstvwxz2456789"
"""Letters of generated names, which make no words."""


class DeploymentController:
    """The controller.

    Args:
        agent: what watches and writes.
    """

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    def reconcile(self) -> None:
        """Makes, scales and deletes replica sets, and reports."""
        owned: dict[str, list[Object]] = {}
        for found in self._agent.all(REPLICA_SETS):
            owned.setdefault(controller_of(found), []).append(found)
        for deployment in list(self._agent.all(DEPLOYMENTS)):
            if not deployment["metadata"].get("deletionTimestamp"):
                self._look_after(deployment, owned.get(deployment["metadata"]["uid"], []))

    def _look_after(self, deployment: Object, owned: list[Object]) -> None:
        spec = deployment["spec"]
        newest = next((found for found in owned if _template(found) == spec["template"]), None)
        if newest is None and not spec.get("paused"):
            newest = self._make(deployment, owned)
        if newest is None:
            self._report(deployment, owned, None)
            return
        old = [found for found in owned if found is not newest]
        if not spec.get("paused"):
            newest = self._number(deployment, newest, old)
        replicas = {found["metadata"]["uid"]: _asked(found) for found in (newest, *old)}
        self._plan(spec, newest, old, replicas)
        for found in (newest, *old):
            self._scale(found, replicas[found["metadata"]["uid"]])
        self._forget(spec, old)
        self._report(deployment, [newest, *old], newest)

    def _make(self, deployment: Object, owned: list[Object]) -> Object:
        """Makes the replica set of the present template, without replicas."""
        metadata, spec = deployment["metadata"], deployment["spec"]
        name_hash = _hash(spec["template"])
        labels = {**(spec["template"].get("metadata") or {}).get("labels", {}), HASH: name_hash}
        template = copy.deepcopy(spec["template"])
        template.setdefault("metadata", {})["labels"] = labels
        selector = copy.deepcopy(spec["selector"])
        selector["matchLabels"] = {**(selector.get("matchLabels") or {}), HASH: name_hash}
        first = not owned
        made = {
            "metadata": {
                "name": f"{metadata['name']}-{name_hash}",
                "namespace": metadata["namespace"],
                "labels": labels,
                "annotations": {REVISION: str(1 + max(map(_revision, owned), default=0))},
                "ownerReferences": [owner_reference(DEPLOYMENTS, deployment)],
            },
            "spec": {
                "replicas": spec.get("replicas", 1) if first else 0,
                "selector": selector,
                "template": template,
                "minReadySeconds": spec.get("minReadySeconds", 0),
            },
        }
        return self._agent.create(REPLICA_SETS, made)

    def _number(self, deployment: Object, newest: Object, old: list[Object]) -> Object:
        """Gives the newest replica set the highest revision, which the deployment bears too."""
        revision = _revision(newest)
        if old and revision <= (highest := max(map(_revision, old))):
            revision = highest + 1
            newest = self._annotate(REPLICA_SETS, newest, revision)
        if (deployment["metadata"].get("annotations") or {}).get(REVISION) != str(revision):
            self._annotate(DEPLOYMENTS, deployment, revision)
        return newest

    def _annotate(self, kind: Any, found: Object, revision: int) -> Object:
        metadata = found["metadata"]
        change = {"metadata": {"annotations": {REVISION: str(revision)}}}
        return self._agent.patch(kind, metadata["namespace"], metadata["name"], change)

    def _plan(self, spec: Object, newest: Object, old: list[Object], replicas: dict[str, int]) -> None:
        """Changes how many replicas each replica set is to have."""
        wanted, new = spec.get("replicas", 1), newest["metadata"]["uid"]
        active = [found for found in old if _asked(found) or _number_of(found, "replicas")]
        if not active or replicas[new] > wanted:
            replicas[new] = wanted
            if not active:
                return
        if spec.get("paused"):
            return
        strategy = spec.get("strategy") or {}
        if strategy.get("type") == "Recreate":
            replicas |= {found["metadata"]["uid"]: 0 for found in active}
            if not any(_number_of(found, "replicas") for found in active):
                replicas[new] = wanted
            return
        rolling = strategy.get("rollingUpdate") or {}
        surge = _share(rolling.get("maxSurge", "25%"), wanted, math.ceil)
        unavailable = _share(rolling.get("maxUnavailable", "25%"), wanted, math.floor)
        if not surge and not unavailable:
            unavailable = 1
        room = wanted + surge - sum(replicas.values())
        replicas[new] = min(wanted, replicas[new] + max(0, room))
        # Old replicas that are not available go first; the others only as new ones have become available.
        spare = sum(_number_of(found, "availableReplicas") for found in (newest, *active)) - (wanted - unavailable)
        for found in sorted(active, key=_revision):
            uid = found["metadata"]["uid"]
            unwell = max(0, replicas[uid] - _number_of(found, "availableReplicas"))
            ended = min(replicas[uid], unwell + max(0, min(spare, replicas[uid] - unwell)))
            spare -= max(0, ended - unwell)
            replicas[uid] -= ended

    def _scale(self, found: Object, replicas: int) -> None:
        if _asked(found) != replicas:
            metadata = found["metadata"]
            change = {"spec": {"replicas": replicas}}
            self._agent.patch(REPLICA_SETS, metadata["namespace"], metadata["name"], change)

    def _forget(self, spec: Object, old: list[Object]) -> None:
        """Deletes replica sets beyond the history that is kept."""
        empty = [found for found in old if not _asked(found) and not _number_of(found, "replicas")]
        empty.sort(key=_revision)
        for found in empty[: max(0, len(empty) - spec.get("revisionHistoryLimit", 10))]:
            metadata = found["metadata"]
            self._agent.delete(REPLICA_SETS, metadata["namespace"], metadata["name"], metadata["uid"])

    def _report(self, deployment: Object, owned: list[Object], newest: Object | None) -> None:
        metadata, spec, before = deployment["metadata"], deployment["spec"], deployment.get("status") or {}
        wanted = spec.get("replicas", 1)
        available = sum(_number_of(found, "availableReplicas") for found in owned)
        updated = _number_of(newest, "replicas") if newest is not None else 0
        total = sum(_number_of(found, "replicas") for found in owned)
        unavailable = _share(
            ((spec.get("strategy") or {}).get("rollingUpdate") or {}).get("maxUnavailable", "25%"), wanted, math.floor
        )
        enough = available >= wanted - unavailable
        complete = updated == wanted == total == available
        status = {
            "observedGeneration": metadata["generation"],
            "replicas": total,
            "updatedReplicas": updated,
            "readyReplicas": sum(_number_of(found, "readyReplicas") for found in owned),
            "availableReplicas": available,
            "unavailableReplicas": max(0, wanted - available),
        }
        conditions = [
            _condition(
                "Available",
                "True" if enough else "False",
                "MinimumReplicasAvailable" if enough else "MinimumReplicasUnavailable",
                "Deployment has minimum availability." if enough else "Deployment does not have minimum availability.",
                before,
            ),
            _condition(
                "Progressing",
                "True",
                "NewReplicaSetAvailable" if complete else "ReplicaSetUpdated",
                "The newest replica set is complete." if complete else "The newest replica set is progressing.",
                before,
            ),
        ]
        same = all(before.get(name, 0) == value for name, value in status.items())
        if not same or [_said(one) for one in before.get("conditions") or ()] != [_said(one) for one in conditions]:
            change = {"status": {**status, "conditions": conditions}}
            self._agent.patch(DEPLOYMENTS, metadata["namespace"], metadata["name"], change, "status")


def _template(found: Object) -> Object:
    """A replica set's template without the label that only replica sets have."""
    template = copy.deepcopy(found["spec"]["template"])
    template["metadata"]["labels"].pop(HASH, None)
    return dict(template)


def _hash(template: Object) -> str:
    """Ten letters that stand for a template."""
    number = int.from_bytes(hashlib.sha256(json.dumps(template, sort_keys=True).encode()).digest()[:8], "big")
    letters = ""
    for _ in range(10):
        number, digit = divmod(number, len(LETTERS))
        letters += LETTERS[digit]
    return letters


def _asked(found: Object) -> int:
    return int(found["spec"].get("replicas", 1))


def _number_of(found: Object, name: str) -> int:
    return int((found.get("status") or {}).get(name) or 0)


def _revision(found: Object) -> int:
    text = (found["metadata"].get("annotations") or {}).get(REVISION, "0")
    return int(text) if text.isdecimal() else 0


def _share(given: int | str, whole: int, rounded: Any) -> int:
    """A number, or so many percent of the whole."""
    if isinstance(given, str) and given.endswith("%"):
        return int(rounded(int(given[:-1]) * whole / 100))
    return int(given)


def _condition(kind: str, status: str, reason: str, message: str, before: Object) -> dict[str, str]:
    """A condition; the time of its last transition stays while its status does."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    known = next((one for one in before.get("conditions") or () if one["type"] == kind), None)
    changed = known["lastTransitionTime"] if known and known["status"] == status else now
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastUpdateTime": now,
        "lastTransitionTime": changed,
    }


def _said(condition: Object) -> tuple[str, ...]:
    return condition["type"], condition["status"], condition.get("reason", "")
