"""Intact applications: what the text tells is what the policies do, and what it does not tell concerns others."""

import pytest

from infraray.network_policies import NetworkPolicy
from infraray.scenarios.kubernetes_policy.effect import effect
from infraray.scenarios.kubernetes_policy.parameters import KubernetesPolicyParameters
from infraray.scenarios.kubernetes_policy.site import Site, draw_site
from infraray.scenarios.kubernetes_policy.site.policies import plain_policies
from infraray.scenarios.kubernetes_policy.words import application_shown, describe_application

SEEDS = range(12)
NETARENA = {
    "frontend": {"adservice", "cartservice", "checkoutservice", "currencyservice", "productcatalogservice"}
    | {"recommendationservice", "shippingservice"},
    "checkoutservice": {"cartservice", "currencyservice", "emailservice", "paymentservice", "productcatalogservice"}
    | {"shippingservice"},
    "recommendationservice": {"productcatalogservice"},
    "cartservice": {"redis-cart"},
}
"""The connections between services that NetArena expects to succeed (its other 77 probes are to fail)."""


def sites(seed: int) -> list[Site]:
    return [
        draw_site("boutique", 8, 2, True, seed),
        draw_site("generated", 8, 2, True, seed),
        draw_site("generated", 20, 4, True, seed),
        draw_site("generated", 4, 1, False, seed),
    ]


@pytest.mark.parametrize("seed", SEEDS)
def test_policies_permit_the_intended_attempts_and_no_others(seed: int) -> None:
    for site in sites(seed):
        application = site.application
        found = effect(application, {}, site.policies)
        intended = [(source.name, target.name) in application.flows for source, target in application.attempts]
        assert found.attempts(0).tolist() == intended
        assert 0 < sum(intended) < len(intended)


def test_the_boutique_without_variety_is_netarenas() -> None:
    site = draw_site("boutique", 8, 2, False, 0)
    assert len(site.policies) == 13 and len(site.application.workloads) == 13
    between = {(source, target) for source, target in site.application.flows if target != "frontend"}
    assert between == {(source, target) for source, targets in NETARENA.items() for target in targets}
    assert draw_site("boutique", 8, 2, False, 1) == site


@pytest.mark.parametrize("seed", SEEDS)
def test_the_text_tells_the_whole_application(seed: int) -> None:
    for site in sites(seed):
        assert application_shown(describe_application(site.application)) == site.application


@pytest.mark.parametrize("seed", SEEDS)
def test_what_the_text_tells_is_not_all_that_belongs_there(seed: int) -> None:
    """So a script that clears everything and writes what is told loses something in every varied task."""
    site = draw_site("boutique", 8, 2, True, seed)
    found = effect(site.application, {}, site.policies, plain_policies(site.application))
    assert found.differing(0, 1)
    assert (found.attempts(0) == found.attempts(1)).all()


def test_names_and_forms_differ_from_seed_to_seed() -> None:
    found = {repr(draw_site("boutique", 8, 2, True, seed).policies) for seed in range(50)}
    assert len(found) == 50
    assert len({len(draw_site("boutique", 8, 2, True, seed).policies) for seed in range(50)}) > 2


def test_every_policy_is_one_that_an_api_server_takes() -> None:
    for seed in SEEDS:
        for site in sites(seed):
            keys = [(one["metadata"]["namespace"], one["metadata"]["name"]) for one in site.policies]
            assert len({*keys}) == len(keys)
            for policy in site.policies:
                NetworkPolicy.of(policy)
                assert len(policy["metadata"]["name"]) <= 63


@pytest.mark.parametrize("application", ["boutique", "generated"])
def test_the_number_of_attempts_follows_from_the_parameters(application: str) -> None:
    parameters = KubernetesPolicyParameters(application=application)
    for seed in range(3):
        site = parameters.site(seed)
        assert len(site.application.attempts) == parameters.num_attempts
        assert len(site.application.workloads) == parameters.num_workloads
