"""What a command did on its way, and maybe undid: states that the snapshots before and after it do not show."""

from __future__ import annotations

from collections.abc import Mapping

from infraray.emulators.cluster.cluster import Change
from infraray.scenarios.kubernetes_policy.faults.fault import key_of
from infraray.scenarios.kubernetes_policy.site.application import Manifest
from infraray.scenarios.kubernetes_policy.standing import appearance
from infraray.scenarios.kubernetes_policy.state import State

POLICY = "NetworkPolicy"


def policies_between(before: State, after: State) -> list[list[Manifest]]:
    """Each set of policies that was there since the state before a command, in order."""
    now = {key_of(one): one for one in before.policies}
    found: list[list[Manifest]] = []
    for change in after.changes:
        if change.kind != POLICY:
            continue
        place = change.namespace, change.name
        known = now.get(place)
        if change.manifest is None:
            now.pop(place, None)
        else:
            now[place] = dict(change.manifest)
        if (known and known["spec"]) != (change.manifest and change.manifest["spec"]):
            found.append([*now.values()])
    return found


def disturbed(start: State, before: State, after: State) -> set[str]:
    """What was otherwise for a moment than at the start, before the command, and after it, by name."""
    known = [_appearances(state) for state in (start, before, after)]
    found = set()
    for change in after.changes:
        if change.kind == POLICY or _is_nobody_yet(change):
            continue
        name = f"{change.kind} {change.namespace}/{change.name}"
        seen = None if change.manifest is None else appearance(change.kind, change.manifest)
        if all(seen != one.get(name) for one in known):
            found.add(name)
    return found


def _is_nobody_yet(change: Change) -> bool:
    """Whether it is a pod that has no address, so that nobody reaches it and it reaches nobody."""
    return change.kind == "Pod" and change.manifest is not None and "podIP" not in change.manifest.get("status", {})


def _appearances(state: State) -> Mapping[str, str]:
    return {
        f"{kind} {one['metadata'].get('namespace', '')}/{one['metadata']['name']}": appearance(kind, one)
        for kind, objects in state.objects.items()
        for one in objects
    }
