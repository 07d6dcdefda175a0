"""The generator of policy sets: what it covers, and what holds for whatever it draws."""

from random import Random

import pytest

from infraray.network_policies import Coverage, PermissionTables, PolicyEvaluator, draw_case
from infraray.network_policies.generator import PORTS
from infraray.network_policies.pods import PROTOCOLS

SEEDS = range(60)


def test_equal_seeds_draw_equal_cases():
    assert draw_case(Random(7)) == draw_case(Random(7)) != draw_case(Random(8))


def test_every_kind_occurs_and_is_printed():
    coverage = Coverage()
    for seed in SEEDS:
        coverage.add(draw_case(Random(seed)).kinds())
    assert not coverage.missing
    assert len(coverage.table().splitlines()) == len(set(coverage.table().splitlines())) > 40


def test_a_change_does_what_it_says():
    for seed in SEEDS:
        case = draw_case(Random(seed))
        states = case.states()
        for change, before, after in zip(case.changes, states, states[1:], strict=False):
            verb = change.action.partition(" ")[0]
            assert len(after) - len(before) == {"create": 1, "delete": -1}.get(verb, 0)
            assert (change.manifest in after) == (verb != "delete")


@pytest.mark.parametrize("seed", SEEDS)
def test_policies_only_ever_isolate_and_rules_only_ever_permit(seed):
    manifests = draw_case(Random(seed)).manifests
    policies = [one for one in manifests if one["kind"] == "NetworkPolicy"]
    others = [one for one in manifests if one["kind"] != "NetworkPolicy"]
    full, none = _permitted(manifests), _permitted(others)
    assert full <= none and len(none) == len(_connections(PolicyEvaluator.of(others)))
    if policies:
        emptied = [{**one, "spec": {**one["spec"], "ingress": [], "egress": []}} for one in policies]
        emptied = [_with_types(one, was) for one, was in zip(emptied, policies, strict=True)]
        assert _permitted([*others, *emptied]) <= full
        opened = [
            _with_types({**one, "spec": {**one["spec"], "ingress": [{}], "egress": [{}]}}, one) for one in policies
        ]
        assert _permitted([*others, *opened]) == none


def _with_types(manifest, was):
    types = was["spec"].get("policyTypes") or ["Ingress", *(["Egress"] if was["spec"].get("egress") else [])]
    return {**manifest, "spec": {**manifest["spec"], "policyTypes": types}}


def _connections(evaluator):
    return [
        (source, target, protocol, port)
        for source in evaluator.pods
        for target in evaluator.pods
        for protocol in PROTOCOLS
        for port in PORTS
    ]


def _permitted(manifests):
    evaluator = PolicyEvaluator.of(manifests)
    return {
        (source, target, protocol, port)
        for source, target, protocol, port in _connections(evaluator)
        if evaluator.may(evaluator.pods[source], evaluator.pods[target], protocol, port)
    }


@pytest.mark.parametrize("seed", SEEDS)
def test_the_table_says_what_the_evaluator_says(seed):
    manifests = draw_case(Random(seed)).manifests
    evaluator = PolicyEvaluator.of(manifests)
    ends = [*evaluator.pods.values(), "10.244.0.3", "10.244.0.99", "8.8.8.8"]
    ports = [(protocol, port) for protocol in PROTOCOLS for port in PORTS]
    tables = PermissionTables(evaluator.namespaces.values(), ends, ports)
    tables.permitted(())
    table = tables.permitted(evaluator.policies)
    for source, one in enumerate(ends):
        for target, other in enumerate(ends):
            if source != target:
                assert [*table[source, target]] == [evaluator.may(one, other, *port) for port in ports]
