"""A task under other names of namespaces is the same task."""

import pytest

from infraray.scenarios.kubernetes_policy.effect import effect
from infraray.scenarios.kubernetes_policy.parameters import KubernetesPolicyParameters
from infraray.scenarios.kubernetes_policy.relocation import relocated
from infraray.scenarios.kubernetes_policy.tasks import make_task
from infraray.scenarios.kubernetes_policy.words import describe_application

CASES = [("boutique", 1), ("boutique", 3), ("generated", 2), ("generated", 3)]


@pytest.mark.parametrize(("application", "level"), CASES)
@pytest.mark.parametrize("seed", range(6))
def test_attempts_and_repairs_are_the_same_and_no_old_name_is_left(application: str, level: int, seed: int) -> None:
    parameters = KubernetesPolicyParameters(application=application, num_namespaces=3, num_services=9)
    broken = make_task(parameters, level, seed)
    namespaces = {workload.namespace for workload in broken.site.application.workloads}
    moved = relocated(broken, {name: f"{name}-x1" for name in namespaces})
    before, after = (effect(one.site.application, {}, one.site.policies, one.policies) for one in (broken, moved))
    for number in range(2):
        assert (before.attempts(number) == after.attempts(number)).all()
    assert len(after.differing(0, 1)) == len(before.differing(0, 1)) > 0
    assert {one["metadata"]["namespace"] for one in moved.policies} <= {f"{name}-x1" for name in namespaces}
    said = describe_application(moved.site.application) + repr(moved.policies)
    assert not [name for name in namespaces if f"'{name}'" in said or f"namespace {name}:" in said]
    assert moved.symptom == broken.symptom
    assert relocated(moved, {f"{name}-x1": name for name in namespaces}) == broken
