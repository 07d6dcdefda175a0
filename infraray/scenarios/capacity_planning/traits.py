"""What a seed of capacity planning draws: the kind of question, and how it is said."""

from __future__ import annotations

from functools import lru_cache

from infraray.scenarios.capacity_planning.parameters import COUNTS, CapacityPlanningParameters
from infraray.scenarios.capacity_planning.tasks import generate_task
from infraray.scenarios.capacity_planning.topology import Topology

_OF_TOPOLOGY = {"model", "capacities_seed", *COUNTS}


def traits(parameters: CapacityPlanningParameters, level: int, seed: int) -> dict[str, str | bool]:
    """The last or only ``operation`` (``count``), the ``opening`` before it (``add``, ``loop``), and ``held_out``."""
    task = generate_task(_topology(parameters.model_dump_json(include=_OF_TOPOLOGY)), level, seed)
    opening, _, operation = task.label.rpartition("-")
    return {"operation": operation, "opening": opening or "nothing", "held_out": task.held_out}


@lru_cache(maxsize=4)
def _topology(parameters: str) -> Topology:
    """Generating a task leaves it as it was, so that it serves for all."""
    return CapacityPlanningParameters.model_validate_json(parameters).topology()
