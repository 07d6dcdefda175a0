"""What a seed of kubernetes_policy draws: its faults, which are those of its task, since it is verified on paper."""

from __future__ import annotations

from infraray.scenarios.kubernetes_policy.faults import FAMILIES
from infraray.scenarios.kubernetes_policy.parameters import KubernetesPolicyParameters
from infraray.scenarios.kubernetes_policy.tasks import make_task


def traits(parameters: KubernetesPolicyParameters, level: int, seed: int) -> dict[str, str | bool]:
    """Each family of faults by its name, and as ``FAMILY_variant`` the variant of one that is there."""
    variants = {fault.family: fault.variant for fault in make_task(parameters, level, seed).faults}
    told: dict[str, str | bool] = {family: family in variants for family in FAMILIES}
    return told | {f"{family}_variant": variant for family, variant in variants.items()}
