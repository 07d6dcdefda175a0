"""The five families of faults of NetArena's Kubernetes application (section D.2), one per file."""

from infraray.scenarios.kubernetes_policy.faults import (
    add_egress,
    add_ingress,
    change_port,
    change_protocol,
    remove_ingress,
)
from infraray.scenarios.kubernetes_policy.faults.fault import Draw, Fault, Impossible

FAMILIES: dict[str, Draw] = {
    "remove_ingress": remove_ingress.draw,
    "add_ingress": add_ingress.draw,
    "change_port": change_port.draw,
    "change_protocol": change_protocol.draw,
    "add_egress": add_egress.draw,
}
"""The draw function of each family."""

__all__ = ["FAMILIES", "Draw", "Fault", "Impossible"]
