"""What seeds draw, before any network is asked."""

from itertools import combinations
from random import Random

import pytest

from infraray.emulators.network.topology import Topology
from infraray.scenarios.routing.faults import FAMILIES, Fault
from infraray.scenarios.routing.levels import LEVELS, draw_faults
from infraray.scenarios.routing.site import Site, draw_site

TOPOLOGY = Topology(3, 2)
ALL_FEATURES = frozenset({"netem"})
VARIANTS = {
    "disable_routing": 4,
    "disable_interface": 3,
    "remove_ip": 4,
    "drop_traffic": 4,
    "wrong_routing_table": 4,
}


def draws(
    family: str, topology: Topology = TOPOLOGY, features: frozenset[str] = ALL_FEATURES, count: int = 400
) -> list[Fault]:
    random = Random(0)
    return [FAMILIES[family](Site(topology), random, features) for _ in range(count)]


@pytest.mark.parametrize(("family", "variants"), VARIANTS.items())
def test_every_variant_of_a_family_is_drawn(family: str, variants: int) -> None:
    faults = draws(family)
    assert {fault.family for fault in faults} == {family}
    assert len({fault.variant for fault in faults}) == variants


def test_delays_are_drawn_only_where_the_kernel_has_netem() -> None:
    assert "delay" not in {fault.variant for fault in draws("drop_traffic", features=frozenset())}


def test_masks_that_break_nothing_are_never_drawn() -> None:
    masks = {fault.place[-1] for fault in draws("remove_ip", Topology(3, 2, 2)) if fault.variant == "wrong_mask"}
    assert masks == {"30", "31", "32"}


def test_levels_are_the_five_families_and_their_ten_pairs() -> None:
    assert {families for (families,) in LEVELS[1]} == set(FAMILIES)
    pairs = [frozenset(pair) for level in (2, 3) for pair in LEVELS[level]]
    assert len(pairs) == 10 and set(pairs) == {frozenset(pair) for pair in combinations(FAMILIES, 2)}
    assert (len(LEVELS[2]), len(LEVELS[3])) == (7, 3)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("extra", range(4))
def test_extra_faults_are_of_further_families(level: int, extra: int) -> None:
    random = Random(1)
    for _ in range(50):
        families = [fault.family for fault in draw_faults(Site(TOPOLOGY), level, extra, ALL_FEATURES, random)]
        assert len(set(families)) == len(families) == len(LEVELS[level][0]) + extra
        assert any(set(named) <= set(families) for named in LEVELS[level])


def test_all_routers_of_a_chain_are_drawn() -> None:
    for family in FAMILIES:
        assert {fault.machine for fault in draws(family, Topology(2, 1, 4))} == {"r0", "r1", "r2", "r3"}


def test_nothing_is_forwarded_by_default_is_no_fault_where_it_belongs_there() -> None:
    for seed in range(30):
        site = draw_site(TOPOLOGY, True, seed)
        drawn = {FAMILIES["disable_routing"](site, Random(number), ALL_FEATURES).variant for number in range(60)}
        assert ("forward_policy" in drawn) == site.fixtures_of("r0").forwards_by_default
