"""What a datacenter's topology costs on the full graph: `python -m benchmarks.capacity_planning`.

Prints in one run:
- the constraints after a switch with four ports was added, checked where that touched, against all again and against
  a check written with NetworkX.
"""

import time
from collections.abc import Callable

from benchmarks.table import Row, print_table
from infraray.scenarios.capacity_planning.constraints import violations, violations_after
from infraray.scenarios.capacity_planning.generator import Shape, generate
from infraray.scenarios.capacity_planning.hierarchy import RK_CONTAINS
from infraray.scenarios.capacity_planning.topology import Topology
from tests.reference.capacity_planning import broken

REPETITIONS = 20


def seconds(work: Callable[[], object], repetitions: int = REPETITIONS) -> float:
    """CPU seconds of the fastest repetition, as the machine is shared."""
    taken = []
    for _ in range(repetitions):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return min(taken)


def add_switch(topology: Topology) -> None:
    """A switch with four ports in an aggregation block."""
    topology.add_node("new", ["EK_PACKET_SWITCH"])
    topology.add_edge("dc1.sb2.ab3", "new", RK_CONTAINS)
    for port in range(1, 5):
        topology.add_node(f"new.p{port}", ["EK_PORT"], physical_capacity_bps=10**11)
        topology.add_edge("new", f"new.p{port}", RK_CONTAINS)


def change_and_check(topology: Topology) -> None:
    """Adds the switch, checks what that touched, and takes it back."""
    with topology.changes() as changes:
        add_switch(topology)
    assert not violations_after(topology, changes.names)
    topology.undo(changes)


def main() -> list[Row]:
    """The rows of one run."""
    topology = generate(Shape(), seed=0)
    graph = topology.to_networkx()
    again = seconds(lambda: change_and_check(topology), 200)
    full = seconds(lambda: violations(topology))
    by_networkx = seconds(lambda: broken(graph))
    what = "capacity_planning: a switch added, constraints checked, taken back"
    return [
        Row(what, f"{again * 1e6:.0f} us", "all checked", f"{full * 1e3:.0f} ms", full / again, ""),
        Row(what, f"{again * 1e6:.0f} us", "NetworkX, all", f"{by_networkx * 1e3:.0f} ms", by_networkx / again, ""),
    ]


if __name__ == "__main__":
    print_table(main())
