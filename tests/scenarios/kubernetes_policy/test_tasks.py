"""Tasks on paper: every one shows, is repairable, and needs each of its repairs; duplicates are known."""

from contextlib import suppress
from random import Random

import pytest

from infraray.errors import InfrarayError
from infraray.scenarios.kubernetes_policy.effect import effect
from infraray.scenarios.kubernetes_policy.faults import FAMILIES, Fault, Impossible
from infraray.scenarios.kubernetes_policy.levels import LEVELS
from infraray.scenarios.kubernetes_policy.parameters import KubernetesPolicyParameters
from infraray.scenarios.kubernetes_policy.tasks import _choose, make_task
from infraray.scenarios.kubernetes_policy.validation import Unfit, examine, repair

KINDS: list[dict[str, object]] = [
    {},
    {"policies": "plain"},
    {"application": "generated"},
    {"application": "generated", "num_services": 4, "num_namespaces": 1},
    {"extra_faults": 3},
]


def test_levels_have_the_five_families_and_the_ten_pairs_of_table_6() -> None:
    assert {family for (family,) in LEVELS[1]} == set(FAMILIES)
    pairs = {frozenset(pair) for level in (2, 3) for pair in LEVELS[level]}
    assert len(pairs) == 10 == len(LEVELS[2]) + len(LEVELS[3])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("level", LEVELS)
def test_faults_show_and_their_repair_undoes_them(kind: dict[str, object], level: int) -> None:
    parameters = KubernetesPolicyParameters.model_validate(kind)
    for seed in range(6):
        task = make_task(parameters, level, seed)
        site = task.site
        assert len(task.faults) == (1 if level == 1 else 2) + parameters.extra_faults
        assert len({fault.target for fault in task.faults}) == len(task.faults)
        repaired = repair(task.policies, site, task.faults)
        found = effect(site.application, {}, site.policies, task.policies, repaired)
        assert not found.differing(0, 2)
        assert (found.attempts(0) != found.attempts(1)).sum() == len(task.symptom.lost) + len(task.symptom.opened) > 0


def test_equal_seeds_make_equal_tasks_and_others_differ() -> None:
    parameters = KubernetesPolicyParameters()
    tasks = [make_task(parameters, 2, seed) for seed in range(8)]
    assert tasks == [make_task(parameters, 2, seed) for seed in range(8)]
    assert len({task.faults[0].target for task in tasks}) > 4


def test_distinct_excludes_duplicates_by_symptom() -> None:
    few = KubernetesPolicyParameters(policies="plain")
    assert len({make_task(few, 1, seed).symptom.name for seed in range(20)}) < 20
    distinct = KubernetesPolicyParameters(policies="plain", distinct=20)
    assert len({make_task(distinct, 1, seed).symptom.name for seed in range(20)}) == 20


class Everything(set[str]):
    def __contains__(self, name: object) -> bool:
        return True


def test_more_distinct_symptoms_than_there_are_is_one_line() -> None:
    with pytest.raises(InfrarayError, match=r"^kubernetes_policy: distinct=9: seed 8 draws no symptom that") as error:
        _choose(KubernetesPolicyParameters(policies="plain", distinct=9), 1, 8, Everything())
    assert "\n" not in str(error.value)


def test_a_fault_that_changes_nothing_makes_no_task() -> None:
    site = KubernetesPolicyParameters().site(0)
    unchanged = Fault("change_port", "none", site.policies[1], "")
    with pytest.raises(Unfit, match="no attempt shows it"):
        examine(site, [unchanged])
    task = make_task(KubernetesPolicyParameters(), 1, 0)
    other = next(policy for policy in task.site.policies if task.faults[0].target[1] != policy["metadata"]["name"])
    with pytest.raises(Unfit, match="needs no repair of its own"):
        examine(task.site, [*task.faults, Fault("change_port", "none", other, "")])


@pytest.mark.parametrize(
    ("family", "count"),
    # A protocol's variants are the two that a workload does not speak.
    [("remove_ingress", 3), ("add_ingress", 6), ("change_port", 5), ("change_protocol", 2), ("add_egress", 5)],
)
def test_every_variant_of_a_family_is_drawn(family: str, count: int) -> None:
    sites = [KubernetesPolicyParameters().site(seed) for seed in range(8)]
    variants = set()
    for number in range(200):
        with suppress(Impossible):
            variants.add(FAMILIES[family](sites[number % 8], frozenset(), Random(number)).variant)
    assert len(variants) == count
