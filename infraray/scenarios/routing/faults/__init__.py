"""The five families of faults of NetArena's routing application (section C.2), one per file."""

from infraray.scenarios.routing.faults import (
    disable_interface,
    disable_routing,
    drop_traffic,
    remove_ip,
    wrong_routing_table,
)
from infraray.scenarios.routing.faults.fault import Draw, Fault

FAMILIES: dict[str, Draw] = {
    "disable_routing": disable_routing.draw,
    "disable_interface": disable_interface.draw,
    "remove_ip": remove_ip.draw,
    "wrong_routing_table": wrong_routing_table.draw,
    "drop_traffic": drop_traffic.draw,
}
"""The draw function of each family, in the order of repair: a gateway must not be prohibited, an address needs its
interface up, a route needs its address.

For the same reason faults are injected in reverse order.
"""

__all__ = ["FAMILIES", "Draw", "Fault"]
