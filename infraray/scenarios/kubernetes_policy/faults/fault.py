"""Faults: one policy that is not as it should be."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol

from infraray.scenarios.kubernetes_policy.site import Application, Site, Workload
from infraray.scenarios.kubernetes_policy.site.application import Manifest


class Impossible(Exception):
    """There is no place for a fault of the family in the policies that are left."""


@dataclass(frozen=True)
class Fault:
    """One misconfiguration of one policy.

    Args:
        family: one of the five.
        variant: its variant within the family.
        manifest: the policy as it is wrong; a further one, if no policy of that name belongs there.
        place: the rule, peer or service that is concerned, for the record.
    """

    family: str
    variant: str
    manifest: Manifest
    place: str

    @property
    def target(self) -> tuple[str, str]:
        """The namespace and the name of the policy."""
        return key_of(self.manifest)

    @property
    def kind(self) -> tuple[str, ...]:
        """What is recorded of it."""
        return (self.family, self.variant, *self.target, self.place)

    def inject(self, policies: Sequence[Manifest]) -> list[Manifest]:
        """The policies with the wrong one."""
        return [*(one for one in policies if key_of(one) != self.target), self.manifest]

    def repair(self, policies: Sequence[Manifest], intact: Sequence[Manifest]) -> list[Manifest]:
        """The policies with what belongs there instead, if anything does."""
        right = [one for one in intact if key_of(one) == self.target]
        return [*(one for one in policies if key_of(one) != self.target), *right]


class Draw(Protocol):
    """Draws a fault of one family, which may have no effect; `validation.examine` tells."""

    def __call__(self, site: Site, taken: frozenset[tuple[str, str]], random: Random) -> Fault:
        """Draws every detail from ``random``, in a policy that is not among ``taken``.

        Raises:
            Impossible: there is none.
        """


def key_of(policy: Manifest) -> tuple[str, str]:
    """The namespace and the name."""
    return policy["metadata"]["namespace"], policy["metadata"]["name"]


def told_rules(site: Site, taken: frozenset[tuple[str, str]]) -> list[tuple[Manifest, int, Workload]]:
    """The ingress rules that let workloads in: the policy, the rule's number, the workload that it protects."""
    found = []
    for policy in site.policies:
        workload = workload_of(policy, site.application)
        if workload is None or key_of(policy) in taken:
            continue
        for number, rule in enumerate(policy["spec"].get("ingress") or ()):
            if rule == {} or any(means_workload(peer) for peer in rule.get("from", ())):
                found.append((policy, number, workload))
    return found


def workload_of(policy: Manifest, application: Application) -> Workload | None:
    """The workload that a policy protects; None for one that selects more or less than a workload."""
    labels = policy["spec"].get("podSelector", {}).get("matchLabels", {})
    return application.by_name.get(labels.get("app", "")) if set(labels) == {"app"} else None


def means_workload(peer: dict[str, Any]) -> bool:
    """Whether a peer means workloads of an application, by their label ``app``."""
    selector = peer.get("podSelector") or {}
    keys = {*selector.get("matchLabels", {}), *(one["key"] for one in selector.get("matchExpressions", ()))}
    return keys == {"app"}


def choose(found: Sequence[Any], random: Random) -> Any:
    """One of several.

    Raises:
        Impossible: there is none.
    """
    if not found:
        raise Impossible
    return random.choice(found)


def changed(policy: Manifest) -> Manifest:
    """A copy to change."""
    return copy.deepcopy(policy)
