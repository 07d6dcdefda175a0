"""Policies are compared by what they permit, to whomever and on whatever port, and not by their form."""

import copy
from typing import Any

import pytest

from infraray.scenarios.kubernetes_policy.effect import effect, is_legible
from infraray.scenarios.kubernetes_policy.site import draw_site
from infraray.scenarios.kubernetes_policy.site.application import Manifest

SITE = draw_site("boutique", 8, 2, False, 0)
FRONTEND = {"podSelector": {"matchLabels": {"app": "frontend"}}}


def changed(name: str, **spec: Any) -> list[Manifest]:
    """The plain boutique's policies with another specification of one."""
    policies = copy.deepcopy([*SITE.policies])
    for policy in policies:
        if policy["metadata"]["name"] == name:
            policy["spec"] |= spec
    return policies


def to_adservice(*ports: dict[str, Any], **rule: Any) -> list[Manifest]:
    return changed("adservice", ingress=[{"from": [FRONTEND], "ports": [*ports], **rule}])


SAME = {
    "the port by its name": to_adservice({"port": "grpc"}),
    "a range of one port": to_adservice({"port": 9555, "endPort": 9555}),
    "the port twice": to_adservice({"port": 9555}, {"port": "grpc"}),
    "the source by an expression": to_adservice(
        {"port": 9555},
        **{"from": [{"podSelector": {"matchExpressions": [{"key": "app", "operator": "In", "values": ["frontend"]}]}}]},
    ),
    "the namespace besides": to_adservice(
        {"port": 9555},
        **{"from": [{**FRONTEND, "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "boutique"}}}]},
    ),
    "everything by an address": changed("adservice", egress=[{"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}]),
}
OTHER = {
    "a neighbouring port": to_adservice({"port": 9556}),
    "a range that goes one too far": to_adservice({"port": 9555, "endPort": 9556}),
    "another protocol as well": to_adservice({"port": 9555}, {"port": 9555, "protocol": "SCTP"}),
    "all ports": to_adservice(),
    "another namespace's frontend": to_adservice({"port": 9555}, **{"from": [{**FRONTEND, "namespaceSelector": {}}]}),
    "a pod that does not exist": to_adservice(
        {"port": 9555},
        **{"from": [FRONTEND, {"podSelector": {"matchLabels": {"role": "job"}}, "namespaceSelector": {}}]},
    ),
    "a network outside": to_adservice({"port": 9555}, **{"from": [FRONTEND, {"ipBlock": {"cidr": "192.0.2.0/30"}}]}),
    "all but an address to send to": changed(
        "adservice", egress=[{"to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["192.0.2.7/32"]}}]}]
    ),
    "a denial less": [policy for policy in SITE.policies if policy["metadata"]["name"] != "deny-all"],
}


@pytest.mark.parametrize("name", SAME)
def test_another_form_is_the_same(name: str) -> None:
    addresses = {workload.name: f"10.1.0.{number}" for number, workload in enumerate(SITE.application.workloads)}
    assert not effect(SITE.application, addresses, SITE.policies, SAME[name]).differing(0, 1)


@pytest.mark.parametrize("name", OTHER)
def test_what_permits_more_or_less_is_not(name: str) -> None:
    assert effect(SITE.application, {}, SITE.policies, OTHER[name]).differing(0, 1)


def test_every_application_can_be_compared_and_a_flood_of_networks_cannot() -> None:
    """The effect of the latter would not fit into the memory."""
    for seed in range(5):
        site = draw_site("generated", 20, 4, True, seed)
        assert is_legible(site.application, site.policies)
    flood = [{"ipBlock": {"cidr": f"10.{number // 250}.{number % 250}.0/24"}} for number in range(3000)]
    assert not is_legible(SITE.application, to_adservice({"port": 9555}, **{"from": flood}))
