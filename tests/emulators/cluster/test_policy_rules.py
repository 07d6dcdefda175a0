"""Policies as boxes: disjoint, the same for the same permissions, and closed where a policy cannot be enforced."""

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infraray.emulators.cluster.inside.policy_rules import (
    ANYTHING,
    DIRECTIONS,
    Box,
    Endpoint,
    Ports,
    compile_policies,
    disjoint,
)

PODS = tuple(Endpoint("x", f"p{number}", {"app": f"p{number}"}, 100 + number, {}) for number in range(4))
NAMESPACES = {"x": {"kubernetes.io/metadata.name": "x"}}

ports = st.one_of(
    st.just(ANYTHING),
    st.tuples(st.sampled_from((6, 17)), st.integers(0, 9), st.integers(0, 3)).map(
        lambda drawn: Ports(drawn[0], drawn[0], drawn[1], drawn[1] + drawn[2])
    ),
)
boxes = st.lists(
    st.tuples(st.integers(0, 20), st.integers(0, 8), ports).map(lambda drawn: Box(drawn[0], sum(drawn[:2]), drawn[2])),
    max_size=8,
)


def points(found: list[Box]) -> list[tuple[int, int, int]]:
    """Every address, protocol and port among the small ones, as often as a box holds it."""
    return [
        (address, protocol, port)
        for box in found
        for address in range(box.first, box.last + 1)
        for protocol in (1, 6, 17)
        if box.ports.first_protocol <= protocol <= box.ports.last_protocol
        for port in range(box.ports.first, min(box.ports.last, 15) + 1)
    ]


@given(boxes, st.randoms(use_true_random=False))
def test_disjoint_boxes_permit_the_same_and_depend_on_nothing_else(drawn: list[Box], chance: Random) -> None:
    found = list(disjoint(drawn))
    assert len(points(found)) == len(set(points(found)))
    assert set(points(found)) == set(points(drawn))
    shuffled = [*drawn, *drawn]
    chance.shuffle(shuffled)
    assert set(disjoint(shuffled)) == set(found)


def policy(name: str, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"namespace": "x", "name": name}, "spec": {"podSelector": {}, **spec}}


def wrong() -> Iterator[tuple[dict[str, Any], str]]:
    """Policies that no API server should accept, and what is said of them."""
    yield {"ingress": [{"from": [{}]}]}, "a peer has neither a selector nor an ipBlock"
    yield {"ingress": [{"from": [{"ipBlock": {"cidr": "nonsense"}}]}]}, "nonsense"
    yield {"ingress": [{"ports": [{"protocol": "ICMP"}]}]}, "protocol ICMP is none of TCP, UDP, SCTP"
    yield {"ingress": [{"ports": [{"port": 9, "endPort": 7}]}]}, "ports 9 to 7 are no range"
    yield {"policyTypes": ["Sideways"]}, "policyTypes has Sideways"
    strange = {"matchExpressions": [{"key": "a", "operator": "Near"}]}
    yield {"egress": [{"to": [{"podSelector": strange}]}]}, "operator Near is none of In, NotIn, Exists, DoesNotExist"


@pytest.mark.parametrize(("spec", "said"), [*wrong()])
def test_a_policy_that_cannot_be_enforced_closes_its_pods_and_no_others(spec: dict[str, Any], said: str) -> None:
    bad = policy("bad", **{**spec, "podSelector": {"matchLabels": {"app": "p1"}}})
    good = policy("good", ingress=[{}])
    rules, faults = compile_policies([good, bad], PODS, NAMESPACES)
    assert faults.keys() == {"x/bad"} and said in faults["x/bad"]
    for direction in DIRECTIONS:
        assert 101 in rules.isolated[direction]
        assert rules.boxes[direction, 101] == frozenset()
    assert rules.boxes["ingress", 100] == {Box(0, 2**32 - 1, ANYTHING)}
    assert 100 not in rules.isolated["egress"]


def test_a_policy_whose_selector_cannot_be_read_closes_its_namespace() -> None:
    other = Endpoint("y", "q", {}, 200, {})
    bad = policy("bad", podSelector={"matchExpressions": [{"key": "a", "operator": "Near"}]})
    rules, _ = compile_policies([bad], (*PODS, other), {**NAMESPACES, "y": {}})
    assert rules.isolated["ingress"] == {pod.address for pod in PODS}
    assert 200 in rules.pods
