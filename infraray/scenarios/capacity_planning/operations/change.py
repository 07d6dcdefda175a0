"""Changes: operations that alter the topology and are answered with it."""

from __future__ import annotations

from random import Random

from infraray.scenarios.capacity_planning.hierarchy import KINDS, RK_CONTAINS
from infraray.scenarios.capacity_planning.operations.operation import GBPS, MBPS, NothingToDraw
from infraray.scenarios.capacity_planning.topology import Topology

PORT = "EK_PORT"
SWITCH = "EK_PACKET_SWITCH"


def contain(topology: Topology, parent: str, name: str, kind: str, **attributes: int) -> None:
    """Adds a node below another."""
    topology.add_node(name, [kind], **attributes)
    topology.add_edge(parent, name, RK_CONTAINS)


def may_hold(kinds: list[str], kind: str) -> bool:
    """Whether a node of these kinds may contain one of that kind.

    A switch that is its own chassis, and so may contain a switch, is left out: people would not expect it.
    """
    return kind not in kinds and any(kind in KINDS[holder].contains for holder in kinds)


def some_place(topology: Topology, random: Random, kind: str, near: str | None) -> str:
    """A node that may contain one of this kind: any, or ``near`` or one below it.

    Raises:
        NothingToDraw: there is none.
    """
    if near is None:
        holders = [holder.name for holder in KINDS.values() if kind in holder.contains]
        places = topology.of_kind(random.choice(holders))
    else:
        places = [near, *topology.below(near)]
    places = [name for name in places if may_hold(topology.nodes[name]["type"], kind)]
    if not places:
        raise NothingToDraw
    return random.choice(places)


def some_nodes(topology: Topology, random: Random, kind: str, number: int, near: str | None) -> tuple[str, ...]:
    """Sorted nodes of a kind, ports or switches: anywhere, or below ``near``.

    Raises:
        NothingToDraw: there are not as many.
    """
    if near is None and kind == PORT:
        switches = topology.of_kind(SWITCH)
        ports = [topology.children(random.choice(switches), PORT) for _ in range(number)] if switches else []
        candidates = sorted({random.choice(names) for names in ports if names})
    else:
        candidates = topology.below(near, kind) if near is not None else topology.of_kind(kind)
    if not candidates or len(candidates) < number:
        raise NothingToDraw
    return tuple(sorted(random.sample(candidates, number)))


def some_capacity(random: Random) -> int:
    """A port's capacity in bit/s; alone it is enough for a switch."""
    return random.randint(10 * GBPS // MBPS, 400 * GBPS // MBPS) * MBPS


def some_number(random: Random) -> int:
    """What the name of a new node ends with."""
    return random.randrange(1, 10**6)
