"""The graders of this process: one for each datacenter and its limits, shared by all environments that play in it.

Starting an interpreter and loading a graph takes seconds, a grading milliseconds. An environment can be copied and
pickled; what it grades with stays here.
"""

from __future__ import annotations

from functools import lru_cache

from infraray.scenarios.capacity_planning.grading import Grader
from infraray.scenarios.capacity_planning.parameters import COUNTS, CapacityPlanningParameters

KEPT = 4
"""Graders that stay; one that is not needed any more ends when nobody holds it."""

_SHARED = {"model", "capacities_seed", "code_time_s", "code_memory_mib", *COUNTS}
"""Parameters on which a grader depends."""


def grader_of(parameters: CapacityPlanningParameters) -> Grader:
    """The grader for a datacenter.

    Raises:
        InfrarayError: its model cannot be read, or this machine cannot isolate code.
    """
    return _grader(parameters.model_dump_json(include=_SHARED), tuple(sorted(parameters.files().items())))


@lru_cache(maxsize=KEPT)
def _grader(parameters: str, files: tuple[tuple[str, str], ...]) -> Grader:
    read = CapacityPlanningParameters.model_validate_json(parameters)
    return Grader(read.topology(), read.limits)
