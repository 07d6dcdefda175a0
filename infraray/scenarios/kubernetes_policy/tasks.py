"""From a seed to a cluster with faults, on paper."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from infraray.errors import InfrarayError
from infraray.scenarios.kubernetes_policy.faults import Fault
from infraray.scenarios.kubernetes_policy.levels import draw_faults
from infraray.scenarios.kubernetes_policy.parameters import KubernetesPolicyParameters
from infraray.scenarios.kubernetes_policy.site import Site
from infraray.scenarios.kubernetes_policy.site.application import Manifest
from infraray.scenarios.kubernetes_policy.validation import Symptom, Unfit, examine, inject

MAX_DRAWS = 500
"""Draws for one task; that many are rejected in a row only if there are no further tasks."""


@dataclass(frozen=True)
class BrokenSite:
    """A cluster with faults.

    Args:
        site: its intact form.
        faults: its faults.
        symptom: their visible effect.
        refused: number of earlier draws of the seed that made no task or a duplicate.
    """

    site: Site
    faults: tuple[Fault, ...]
    symptom: Symptom
    refused: int

    @property
    def policies(self) -> list[Manifest]:
        """The policies with the faults."""
        return inject(self.site, self.faults)


def make_task(parameters: KubernetesPolicyParameters, level: int, seed: int) -> BrokenSite:
    """The seed's task; equal seeds give equal tasks.

    Raises:
        InfrarayError: there are fewer symptoms than ``distinct`` asks for.
    """
    taken: set[str] = set()
    for number in range(seed - seed % parameters.distinct, seed):
        taken.add(_choose(parameters, level, number, taken).symptom.name)
    return _choose(parameters, level, seed, taken)


def _choose(parameters: KubernetesPolicyParameters, level: int, seed: int, taken: set[str]) -> BrokenSite:
    """The seed's first faults that make a task with a new symptom."""
    site = parameters.site(seed)
    random = Random(f"kubernetes_policy/{level}/{seed}")
    for refused in range(MAX_DRAWS):
        faults = draw_faults(site, level, parameters.extra_faults, random)
        if faults is None:
            continue
        try:
            symptom = examine(site, faults)
        except Unfit:
            continue
        if symptom.name not in taken:
            return BrokenSite(site, faults, symptom, refused)
    raise InfrarayError(
        f"kubernetes_policy: distinct={parameters.distinct}: seed {seed} draws no symptom that the {len(taken)} seeds "
        "before it do not have; choose a smaller number, or a larger application"
    )
