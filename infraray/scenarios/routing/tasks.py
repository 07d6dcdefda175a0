"""From a seed to a broken network."""

from __future__ import annotations

from random import Random

from infraray.emulators import features
from infraray.emulators.supply import NetworkSupply
from infraray.errors import InfrarayError
from infraray.scenarios.routing.faults import Fault
from infraray.scenarios.routing.levels import draw_faults
from infraray.scenarios.routing.parameters import RoutingParameters
from infraray.scenarios.routing.validation import Symptom
from infraray.scenarios.routing.workbench import BrokenNetwork, Workbench

MAX_DRAWS = 500
"""Draws for one task; so many in a row are refused only where there is no further task to be had."""


def make_task(supply: NetworkSupply, parameters: RoutingParameters, level: int, seed: int) -> BrokenNetwork:
    """The seed's task in a fresh network; equal seeds give equal tasks on kernels with equal features.

    Raises:
        InfrarayError: there are not as many symptoms as ``distinct`` asks for, or no network can be had.
    """
    taken: set[Symptom] = set()
    for number in range(seed - seed % parameters.distinct, seed):
        with Workbench(supply, parameters.site(number)) as workbench:
            taken.add(_choose(workbench, parameters, level, number, taken)[1])
    with Workbench(supply, parameters.site(seed)) as workbench:
        return workbench.break_network(*_choose(workbench, parameters, level, seed, taken))


def _choose(
    workbench: Workbench, parameters: RoutingParameters, level: int, seed: int, taken: set[Symptom]
) -> tuple[tuple[Fault, ...], Symptom, int]:
    """The first faults that the seed draws which make a task with a symptom of its own; how many were refused."""
    random = Random(f"routing/{level}/{seed}")
    for refused in range(MAX_DRAWS):
        faults = draw_faults(workbench.site, level, parameters.extra_faults, features(), random)
        symptom = workbench.symptom(faults)
        if symptom is not None and symptom not in taken:
            return faults, symptom, refused
    raise InfrarayError(
        f"routing: distinct={parameters.distinct}: seed {seed} draws no symptom that the {len(taken)} seeds before it "
        "do not have; choose a smaller number, or a larger network"
    )
