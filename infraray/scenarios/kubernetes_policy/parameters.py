"""The parameters of kubernetes_policy."""

from __future__ import annotations

from typing import Literal

from pydantic import field_validator

from infraray.conditions import Is
from infraray.errors import did_you_mean
from infraray.parameters import Parameters, parameter
from infraray.scenarios.kubernetes_policy.rewards import rewards
from infraray.scenarios.kubernetes_policy.site import Site, draw_site
from infraray.scenarios.kubernetes_policy.site.online_boutique import online_boutique

GENERATED = Is("application", "generated")
EMBEDDED = Is("backend", "embedded")
REMOTE = Is("backend", "kubeconfig")


class KubernetesPolicyParameters(Parameters):
    """The application, its policies and their faults, and the rewards of repairs."""

    application: Literal["boutique", "generated"] = parameter(
        "boutique", unit="", description="Google's Online Boutique, or a random graph of services"
    )
    num_services: int = parameter(
        8, ge=4, le=20, unit="1", description="services of a generated application", only_when=(GENERATED,)
    )
    num_namespaces: int = parameter(
        2, ge=1, le=4, unit="1", description="namespaces over which they are spread", only_when=(GENERATED,)
    )
    policies: Literal["varied", "plain"] = parameter(
        "varied",
        unit="",
        description="whether the policies' names and forms, and what else belongs in them, differ from task to task, "
        "or are plain ones named after the workloads",
    )
    extra_faults: int = parameter(0, ge=0, le=3, unit="1", description="additional faults, of any family")
    distinct: int = parameter(
        1,
        ge=1,
        le=1000,
        unit="1",
        description="consecutive seeds, starting at a multiple of this, with distinct symptoms",
    )
    commands: Literal["simple", "script"] = parameter(
        "simple", unit="", description="what an agent may run in a step: one kubectl, or a script for the shell"
    )
    max_commands: int = parameter(20, ge=1, le=1000, unit="1", description="commands that an agent may run")
    backend: Literal["embedded", "kubeconfig"] = parameter(
        "embedded",
        unit="",
        description="where it runs: infraray's own cluster, or one that a kubeconfig names; see docs/clusters.md",
    )
    api_server: str = parameter(
        "",
        unit="",
        description="path of Kubernetes' own kube-apiserver, with etcd, to run in place of infraray's API server",
        only_when=(EMBEDDED,),
    )
    context: str = parameter(
        "", unit="", description="context of the kubeconfig; empty for the current one", only_when=(REMOTE,)
    )
    image: str = parameter(
        "python:3.13-alpine",
        unit="",
        min_length=1,
        description="image with Python 3, which all containers run",
        only_when=(REMOTE,),
    )
    reward: str = parameter(
        "shaped", unit="", description="reward of a step: shaped, paper, or your own; see the manual"
    )

    @field_validator("reward")
    @classmethod
    def _known_reward(cls, name: str) -> str:
        if name not in rewards:
            raise ValueError(f"no such reward; {did_you_mean(name, rewards)}")
        return name

    def site(self, seed: int) -> Site:
        """The seed's intact cluster."""
        return draw_site(self.application, self.num_services, self.num_namespaces, self.policies == "varied", seed)

    @property
    def num_workloads(self) -> int:
        """Everything that runs: the members of the application and the visitor."""
        return len(online_boutique().workloads) if self.application == "boutique" else self.num_services + 1

    @property
    def num_attempts(self) -> int:
        """Attempts to connect: from everything that runs to every service but one's own."""
        if self.application == "boutique":
            return len(online_boutique().attempts)
        return self.num_services * self.num_services
