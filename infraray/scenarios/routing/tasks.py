"""From a seed to a broken network."""

from __future__ import annotations

from random import Random

from infraray.emulators.network import features
from infraray.emulators.network.supply import NetworkSupply
from infraray.errors import InfrarayError
from infraray.scenarios.routing.faults import Fault
from infraray.scenarios.routing.levels import draw_faults
from infraray.scenarios.routing.parameters import RoutingParameters
from infraray.scenarios.routing.validation import Symptom
from infraray.scenarios.routing.workbench import BrokenNetwork, Workbench

MAX_DRAWS = 500
"""Draws for one task; that many are rejected in a row only if there are no further tasks."""


def make_task(supply: NetworkSupply, parameters: RoutingParameters, level: int, seed: int) -> BrokenNetwork:
    """The seed's task in a fresh network; equal seeds give equal tasks on kernels with equal features.

    Raises:
        InfrarayError: there are fewer symptoms than ``distinct`` asks for, or no network can be made.
    """
    taken: set[Symptom] = set()
    for number in range(seed - seed % parameters.distinct, seed):
        with Workbench(supply, parameters.site(number)) as workbench:
            taken.add(_choose(workbench, parameters, level, number, taken)[1])
    with Workbench(supply, parameters.site(seed)) as workbench:
        return workbench.break_network(*_choose(workbench, parameters, level, seed, taken))


def source(level: int, seed: int) -> Random:
    """The source of a seed's faults."""
    return Random(f"routing/{level}/{seed}")


def _choose(
    workbench: Workbench, parameters: RoutingParameters, level: int, seed: int, taken: set[Symptom]
) -> tuple[tuple[Fault, ...], Symptom, int]:
    """The seed's first faults that make a task with a new symptom, and the number of rejected draws."""
    random = source(level, seed)
    for refused in range(MAX_DRAWS):
        faults = draw_faults(workbench.site, level, parameters.extra_faults, features(), random)
        symptom = workbench.symptom(faults)
        if symptom is not None and symptom not in taken:
            return faults, symptom, refused
    raise InfrarayError(
        f"routing: distinct={parameters.distinct}: seed {seed} draws no symptom that the {len(taken)} seeds before it "
        "do not have; choose a smaller number, or a larger network"
    )
