"""Merge patch against the examples of RFC 7386 and its rules."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infraray.emulators.cluster.api_server.patches.merge_patch import apply_merge_patch

# Appendix A of the RFC: document, patch, result.
EXAMPLES: list[tuple[Any, Any, Any]] = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, None, None),
    ({"a": "foo"}, "bar", "bar"),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


@pytest.mark.parametrize(("document", "patch", "wanted"), EXAMPLES)
def test_examples_of_the_rfc(document: Any, patch: Any, wanted: Any) -> None:
    assert apply_merge_patch(document, patch) == wanted


OBJECTS = st.recursive(
    st.integers(0, 3) | st.none(),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=12,
).filter(lambda made: isinstance(made, dict))


@given(OBJECTS, OBJECTS)
def test_a_patch_applied_twice_changes_nothing_more(document: Any, patch: Any) -> None:
    once = apply_merge_patch(copy.deepcopy(document), patch)
    assert apply_merge_patch(copy.deepcopy(once), patch) == once


@given(OBJECTS, OBJECTS)
def test_what_a_patch_names_is_as_it_says(document: Any, patch: Any) -> None:
    merged = apply_merge_patch(copy.deepcopy(document), patch)
    for name, value in patch.items():
        if value is None:
            assert name not in merged
        elif not isinstance(value, dict):
            assert merged[name] == value
    assert {name: merged[name] for name in document if name not in patch} == {
        name: value for name, value in document.items() if name not in patch
    }
