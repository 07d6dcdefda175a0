"""Addresses, prefix lengths, interface names and MTUs of a network."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from infraray.emulators.network.topology import Segment, Topology

NAMES = ("eth{}", "ens{}", "enp{}s0", "lan{}", "ge{}")
"""Styles of interface names; each machine uses one."""

HIGHEST_NAME = 40

MTUS = (1500, 1500, 1492, 1450, 1400, 1300)
"""MTUs of a segment in bytes; the usual one twice."""

LONGEST_SUBNET_PREFIX = 27
LINK_PREFIXES = (29, 30)

SPARE_NUMBERS = 6
"""Host numbers of a subnet that stay free, so that there are unused addresses."""


def draw_numbering(shape: Topology, random: Random) -> Topology:
    """A topology of the given shape with addresses and names from ``random``; no two segments overlap."""
    blocks = _blocks(random)
    names = {machine: _names(random) for machine in shape.machines}
    segments = []
    for position, members in enumerate(shape.members):
        if position < shape.num_subnets:
            longest = max(
                prefix
                for prefix in range(24, LONGEST_SUBNET_PREFIX + 1)
                if prefix == 24 or 2 ** (32 - prefix) - 2 >= len(members) + SPARE_NUMBERS
            )
            prefix = random.randint(24, longest)
        else:
            prefix = random.choice(LINK_PREFIXES)
        size = 2 ** (32 - prefix)
        network = f"{next(blocks)}.{size * random.randrange(256 // size)}/{prefix}"
        numbers = random.sample(range(1, size - 1), len(members))
        if position < shape.num_subnets:
            # Routers usually have the first or the last number of a subnet.
            router = random.choice((1, size - 2, numbers[0]))
            numbers = [router, *random.sample([n for n in range(1, size - 1) if n != router], len(members) - 1)]
        segment_names = tuple(next(names[machine]) for machine in members)
        segments.append(Segment(network, tuple(numbers), segment_names, random.choice(MTUS)))
    return Topology(shape.num_subnets, shape.hosts_per_subnet, shape.num_routers, tuple(segments))


def _blocks(random: Random) -> Iterator[str]:
    """The first three bytes of private networks, each at most once."""
    seen = set()
    while True:
        block = random.choice(
            (
                f"10.{random.randrange(256)}.{random.randrange(256)}",
                f"172.{random.randint(16, 31)}.{random.randrange(256)}",
                f"192.168.{random.randrange(256)}",
            )
        )
        if block not in seen:
            seen.add(block)
            yield block


def _names(random: Random) -> Iterator[str]:
    """Names of one machine's interfaces, in no particular order."""
    style = random.choice(NAMES)
    return (style.format(number) for number in random.sample(range(HIGHEST_NAME), HIGHEST_NAME))
