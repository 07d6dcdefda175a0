"""Checks that faults make a task, on paper and before anything runs: they show, and their repair undoes them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from infraray.scenarios.kubernetes_policy.effect import effect
from infraray.scenarios.kubernetes_policy.faults import Fault
from infraray.scenarios.kubernetes_policy.site import Site
from infraray.scenarios.kubernetes_policy.site.application import Manifest


class Unfit(Exception):
    """Faults that do not make a task; the text says why."""


@dataclass(frozen=True)
class Symptom:
    """The visible effect of faults; tasks with equal symptoms are duplicates.

    Args:
        families: the families of the faults.
        lost: the intended connections that fail, as source and target.
        opened: the connections that are not intended and succeed.
    """

    families: tuple[str, ...]
    lost: tuple[tuple[str, str], ...]
    opened: tuple[tuple[str, str], ...]

    @property
    def name(self) -> str:
        """A short name for counting, the same on every machine."""
        said = repr((sorted(self.families), sorted(self.lost), sorted(self.opened)))
        return hashlib.sha256(said.encode()).hexdigest()[:12]


def examine(site: Site, faults: Sequence[Fault]) -> Symptom:
    """The symptom of faults that make a task.

    Raises:
        Unfit: they do not make one.
    """
    broken = inject(site, faults)
    partly = [repair(broken, site, [fault for fault in faults if fault is not last]) for last in faults]
    repaired = repair(broken, site, faults)
    found = effect(site.application, {}, site.policies, broken, repaired, *partly)
    if found.differing(0, 2):
        raise Unfit("the repair does not restore the policies")
    intended = found.attempts(0)
    actual = found.attempts(1)
    if (intended == actual).all():
        raise Unfit("no attempt shows it")
    for fault, number in zip(faults, range(3, 3 + len(faults)), strict=True):
        if (found.attempts(number) == intended).all():
            raise Unfit(f"{fault.family} needs no repair of its own")
    names = [(source.name, target.name) for source, target in site.application.attempts]
    lost = tuple(names[place] for place in np.flatnonzero(intended & ~actual))
    opened = tuple(names[place] for place in np.flatnonzero(actual & ~intended))
    return Symptom(tuple(fault.family for fault in faults), lost, opened)


def inject(site: Site, faults: Sequence[Fault]) -> list[Manifest]:
    """The policies with all faults."""
    policies = [*site.policies]
    for fault in faults:
        policies = fault.inject(policies)
    return policies


def repair(policies: Sequence[Manifest], site: Site, faults: Sequence[Fault]) -> list[Manifest]:
    """The policies with some faults repaired."""
    repaired = [*policies]
    for fault in faults:
        repaired = fault.repair(repaired, site.policies)
    return repaired
