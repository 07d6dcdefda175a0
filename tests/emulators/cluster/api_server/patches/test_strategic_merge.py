"""Strategic merge patch: its directives, and what it has in common with merge patch."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infraray.emulators.cluster.api_server.errors import ApiError
from infraray.emulators.cluster.api_server.kinds.deployments import KIND
from infraray.emulators.cluster.api_server.kinds.pods import KIND as PODS
from infraray.emulators.cluster.api_server.patches.strategic_merge import apply_strategic_merge


def patched(spec: Any, patch: Any) -> Any:
    """The spec of a pod after a patch of it."""
    return apply_strategic_merge({"spec": copy.deepcopy(spec)}, {"spec": patch}, PODS.type).get("spec")


TWO = [{"name": "a", "image": "1"}, {"name": "b", "image": "2"}]


@pytest.mark.parametrize(
    ("before", "patch", "wanted"),
    [
        pytest.param(
            {"containers": TWO},
            {"containers": [{"name": "b", "image": "3"}]},
            {"containers": [TWO[0], {"name": "b", "image": "3"}]},
            id="items with a key are merged",
        ),
        pytest.param(
            {"containers": TWO},
            {"containers": [{"name": "a", "$patch": "delete"}]},
            {"containers": [TWO[1]]},
            id="an item is deleted",
        ),
        pytest.param(
            {"containers": TWO},
            {"containers": [{"$patch": "replace"}, {"name": "c"}]},
            {"containers": [{"name": "c"}]},
            id="a list is replaced",
        ),
        pytest.param(
            {"containers": TWO},
            {"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}]},
            {"containers": [TWO[1], TWO[0]]},
            id="a list is put in order",
        ),
        pytest.param(
            {"containers": TWO},
            {
                "$setElementOrder/containers": [{"name": "c"}, {"name": "a"}, {"name": "b"}],
                "containers": [{"name": "c"}],
            },
            {"containers": [{"name": "c"}, *TWO]},
            id="a new item has its place",
        ),
        pytest.param(
            {"tolerations": [{"key": "a"}]},
            {"tolerations": [{"key": "b"}]},
            {"tolerations": [{"key": "b"}]},
            id="a list without a key is replaced",
        ),
        pytest.param(
            {"nodeSelector": {"a": "1", "b": "2"}},
            {"nodeSelector": {"a": None, "c": "3"}},
            {"nodeSelector": {"b": "2", "c": "3"}},
            id="null removes",
        ),
        pytest.param(
            {"nodeSelector": {"a": "1"}},
            {"nodeSelector": {"$patch": "replace", "b": "2"}},
            {"nodeSelector": {"b": "2"}},
            id="an object is replaced",
        ),
        pytest.param(
            {"volumes": [{"name": "v", "emptyDir": {}}]},
            {"volumes": [{"$retainKeys": ["name", "configMap"], "name": "v", "configMap": {"name": "c"}}]},
            {"volumes": [{"name": "v", "configMap": {"name": "c"}}]},
            id="only some keys are retained",
        ),
    ],
)
def test_directives(before: Any, patch: Any, wanted: Any) -> None:
    assert patched(before, patch) == wanted


def test_lists_of_scalars_are_united_and_thinned() -> None:
    before = {"metadata": {"finalizers": ["a", "b"]}}
    added = apply_strategic_merge(copy.deepcopy(before), {"metadata": {"finalizers": ["c", "a"]}}, KIND.type)
    assert added["metadata"]["finalizers"] == ["a", "b", "c"]
    thinned = {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"]}}
    assert apply_strategic_merge(added, thinned, KIND.type)["metadata"]["finalizers"] == ["b", "c"]


def test_a_strategy_keeps_only_what_it_needs() -> None:
    before = {"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}}
    patch = {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}
    assert apply_strategic_merge(before, patch, KIND.type) == {"spec": {"strategy": {"type": "Recreate"}}}


@pytest.mark.parametrize(
    "patch",
    [
        {"$patch": "burn"},
        {"$other": 1},
        {"containers": [{"image": "1"}]},
        {"containers": ["a"]},
        {"containers": [], "$setElementOrder/containers": 1},
        {"volumes": [{"name": "v", "$retainKeys": ["name"], "emptyDir": {}}]},
    ],
)
def test_what_cannot_be_carried_out_is_refused(patch: Any) -> None:
    with pytest.raises(ApiError) as told:
        patched({"containers": TWO}, patch)
    assert told.value.code == 400


NAMES = st.sampled_from("abcd")
CONTAINERS = st.lists(st.fixed_dictionaries({"name": NAMES}, optional={"image": NAMES}), unique_by=lambda c: c["name"])


@given(CONTAINERS, CONTAINERS)
def test_a_list_with_keys_holds_both_sides_and_the_patch_wins(before: Any, patch: Any) -> None:
    merged = patched({"containers": before}, {"containers": patch})["containers"]
    expected = {item["name"]: dict(item) for item in before}
    for item in patch:
        expected.setdefault(item["name"], {}).update(item)
    assert {item["name"]: item for item in merged} == expected
    assert [item["name"] for item in merged][: len(before)] == [item["name"] for item in before]


@given(CONTAINERS, CONTAINERS, st.data())
def test_an_order_is_kept_for_all_that_it_names(before: Any, patch: Any, data: st.DataObject) -> None:
    names = sorted({item["name"] for item in [*before, *patch]})
    order = data.draw(st.permutations(names))[: data.draw(st.integers(len(patch), len(names)))]
    order += [item["name"] for item in patch if item["name"] not in order]
    written = {"containers": patch, "$setElementOrder/containers": [{"name": name} for name in order]}
    merged = [item["name"] for item in patched({"containers": before}, written)["containers"]]
    assert sorted(merged) == names
    assert [name for name in merged if name in order] == [name for name in order if name in merged]


PLAIN = st.dictionaries(NAMES, st.none() | NAMES, max_size=4)


@given(st.dictionaries(NAMES, NAMES), PLAIN)
def test_maps_are_merged_as_by_merge_patch(before: Any, patch: Any) -> None:
    merged = patched({"nodeSelector": before}, {"nodeSelector": patch})["nodeSelector"]
    expected = {**before, **patch}
    assert merged == {name: value for name, value in expected.items() if value is not None}
