"""What tasks are made of, by level.

Table 4 of NetArena has twelve labels on three levels: the six actions alone, a removal with a question, an addition
with a question. Levels 4 and 5 are what its section B.2 describes beyond: sequences, conditions and loops, and loops
with conditions, each with a question.
"""

from __future__ import annotations

from dataclasses import dataclass

from infraray.scenarios.capacity_planning.compositions import Condition, Loop, LoopWithCondition, changing
from infraray.scenarios.capacity_planning.operations import OPERATIONS, Operation

LEVELS = (1, 2, 3, 4, 5)

Part = tuple[type[Operation], ...]
"""One step of a task: any of these operations."""


@dataclass(frozen=True)
class Template:
    """What a task is made of.

    Args:
        label: such as ``add-count``.
        parts: its steps, in order.
    """

    label: str
    parts: tuple[Part, ...]


def templates(level: int) -> tuple[Template, ...]:
    """The templates of a level, of whatever operations there are."""
    if level == 1:
        return tuple(Template(action, (part,)) for action, part in OPERATIONS.items())
    openings: dict[int, dict[str, tuple[Part, ...]]] = {
        2: {"remove": (OPERATIONS["remove"],)},
        3: {"add": (OPERATIONS["add"],)},
        4: {"sequence": (changing(), changing(), changing()), "condition": ((Condition,),), "loop": ((Loop,),)},
        5: {"loop-condition": ((LoopWithCondition,),)},
    }
    return tuple(
        Template(f"{opening}-{action}", (*parts, part))
        for opening, parts in openings[level].items()
        for action, part in OPERATIONS.items()
        if part[0].gives != "graph"
    )
