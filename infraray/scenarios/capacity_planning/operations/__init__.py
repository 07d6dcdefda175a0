"""The six operations of NetArena's capacity planning (section B.2); a new one is a file and a line here."""

from infraray.scenarios.capacity_planning.operations.add_port import AddPort
from infraray.scenarios.capacity_planning.operations.add_switch import AddSwitch
from infraray.scenarios.capacity_planning.operations.count import Count
from infraray.scenarios.capacity_planning.operations.list import List
from infraray.scenarios.capacity_planning.operations.operation import Operation
from infraray.scenarios.capacity_planning.operations.rank import Rank
from infraray.scenarios.capacity_planning.operations.remove import Remove
from infraray.scenarios.capacity_planning.operations.update import Update

OPERATIONS: dict[str, tuple[type[Operation], ...]] = {
    "add": (AddPort, AddSwitch),
    "remove": (Remove,),
    "update": (Update,),
    "count": (Count,),
    "list": (List,),
    "rank": (Rank,),
}
"""The operations by the action of the paper's table 4 that they are; a task draws one of an action's."""

__all__ = ["OPERATIONS", "Operation"]
