"""One intact cluster, as drawn by its seed."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Literal

from infraray.scenarios.kubernetes_policy.site.application import Application, Manifest
from infraray.scenarios.kubernetes_policy.site.fixtures import add_fixtures
from infraray.scenarios.kubernetes_policy.site.generated import draw_application
from infraray.scenarios.kubernetes_policy.site.online_boutique import online_boutique
from infraray.scenarios.kubernetes_policy.site.policies import plain_policies, varied_policies

Kind = Literal["boutique", "generated"]


@dataclass(frozen=True)
class Site:
    """An intact cluster.

    Args:
        application: what runs and who may connect to whom.
        policies: the policies that see to it, with what else belongs there.
    """

    application: Application
    policies: tuple[Manifest, ...]


def draw_site(kind: Kind, num_services: int, num_namespaces: int, varied: bool, seed: int) -> Site:
    """The seed's cluster; the boutique without ``varied`` is the same for every seed."""
    random = Random(f"kubernetes_policy/site/{seed}")
    application = online_boutique() if kind == "boutique" else draw_application(num_services, num_namespaces, random)
    if not varied:
        return Site(application, tuple(plain_policies(application)))
    return Site(application, tuple(add_fixtures(varied_policies(application, random), application, random)))
