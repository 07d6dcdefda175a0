"""The parameters of routing."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import field_validator, model_validator

from infraray.emulators.network.topology import LIMITS, Topology
from infraray.errors import InfrarayError, did_you_mean
from infraray.parameters import Parameters, parameter
from infraray.scenarios.routing.rewards import rewards
from infraray.scenarios.routing.site import Site, draw_site


class RoutingParameters(Parameters):
    """The network, its faults, and the rewards of repairs."""

    num_subnets: int = parameter(
        2, ge=LIMITS["num_subnets"][0], le=LIMITS["num_subnets"][1], unit="1", description="subnets with hosts"
    )
    hosts_per_subnet: int = parameter(
        2, ge=LIMITS["hosts_per_subnet"][0], le=LIMITS["hosts_per_subnet"][1], unit="1", description="hosts per subnet"
    )
    num_routers: int = parameter(
        1,
        ge=LIMITS["num_routers"][0],
        le=LIMITS["num_routers"][1],
        unit="1",
        description="routers, in a chain over which the subnets are spread",
    )
    network: Literal["varied", "plain"] = parameter(
        "varied",
        unit="",
        description="whether addresses, names, MTUs, filters and policies differ from task to task, or are NetArena's",
    )
    extra_faults: int = parameter(
        0, ge=0, le=3, unit="1", description="additional faults, of other families than the level's"
    )
    distinct: int = parameter(
        1,
        ge=1,
        le=1000,
        unit="1",
        description="consecutive seeds, starting at a multiple of this, with distinct symptoms",
    )
    commands: Literal["simple", "script"] = parameter(
        "simple", unit="", description="what an agent may run in a step: one program, or a script for the shell"
    )
    max_commands: int = parameter(30, ge=1, le=1000, unit="1", description="commands that an agent may run")
    reward: str = parameter(
        "shaped", unit="", description="reward of a step: shaped, paper, or your own; see the manual"
    )

    @field_validator("reward")
    @classmethod
    def _known_reward(cls, name: str) -> str:
        if name not in rewards:
            raise ValueError(f"no such reward; {did_you_mean(name, rewards)}")
        return name

    @model_validator(mode="after")
    def _fits(self) -> Self:
        try:
            self.shape  # noqa: B018 (made for its check)
        except InfrarayError as error:
            raise ValueError(str(error)) from None
        return self

    @property
    def shape(self) -> Topology:
        """Machines and cables, which depend only on the parameters, so they can be built ahead."""
        return Topology(self.num_subnets, self.hosts_per_subnet, self.num_routers)

    def site(self, seed: int) -> Site:
        """The seed's intact network."""
        return draw_site(self.shape, self.network == "varied", seed)
