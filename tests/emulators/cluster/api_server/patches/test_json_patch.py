"""JSON patch against the examples of RFC 6902 and the package jsonpatch."""

import copy
from typing import Any

import jsonpatch
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infraray.emulators.cluster.api_server.errors import ApiError
from infraray.emulators.cluster.api_server.patches.json_patch import apply_json_patch

# Appendix A of the RFC: document, patch, result (None: an error).
EXAMPLES: list[tuple[Any, Any, Any]] = [
    ({"foo": "bar"}, [{"op": "add", "path": "/baz", "value": "qux"}], {"baz": "qux", "foo": "bar"}),
    ({"foo": ["bar", "baz"]}, [{"op": "add", "path": "/foo/1", "value": "qux"}], {"foo": ["bar", "qux", "baz"]}),
    ({"baz": "qux", "foo": "bar"}, [{"op": "remove", "path": "/baz"}], {"foo": "bar"}),
    ({"foo": ["bar", "qux", "baz"]}, [{"op": "remove", "path": "/foo/1"}], {"foo": ["bar", "baz"]}),
    ({"baz": "qux"}, [{"op": "replace", "path": "/baz", "value": "boo"}], {"baz": "boo"}),
    (
        {"foo": {"bar": "baz", "waldo": "fred"}, "qux": {"corge": "grault"}},
        [{"op": "move", "from": "/foo/waldo", "path": "/qux/thud"}],
        {"foo": {"bar": "baz"}, "qux": {"corge": "grault", "thud": "fred"}},
    ),
    (
        {"foo": ["all", "grass", "cows", "eat"]},
        [{"op": "move", "from": "/foo/1", "path": "/foo/3"}],
        {"foo": ["all", "cows", "eat", "grass"]},
    ),
    (
        {"baz": "qux", "foo": ["a", 2, "c"]},
        [{"op": "test", "path": "/baz", "value": "qux"}, {"op": "test", "path": "/foo/1", "value": 2}],
        {"baz": "qux", "foo": ["a", 2, "c"]},
    ),
    ({"baz": "qux"}, [{"op": "test", "path": "/baz", "value": "bar"}], None),
    ({"foo": "bar"}, [{"op": "add", "path": "/child", "value": {"a": {}}}], {"foo": "bar", "child": {"a": {}}}),
    ({"foo": "bar"}, [{"op": "add", "path": "/baz", "value": "qux", "xyz": 123}], {"foo": "bar", "baz": "qux"}),
    ({"foo": "bar"}, [{"op": "add", "path": "/baz/bat", "value": "qux"}], None),
    ({"/": 9, "~1": 10}, [{"op": "test", "path": "/~01", "value": 10}], {"/": 9, "~1": 10}),
    ({"/": 9, "~1": 10}, [{"op": "test", "path": "/~01", "value": "10"}], None),
    ({"foo": ["bar"]}, [{"op": "add", "path": "/foo/-", "value": ["abc", "def"]}], {"foo": ["bar", ["abc", "def"]]}),
    ({"foo": 1}, [{"op": "test", "path": "/foo", "value": True}], None),
    ({"foo": [1]}, [{"op": "add", "path": "/foo/2", "value": 0}], None),
    ({"foo": [1]}, [{"op": "remove", "path": "/foo/01"}], None),
    ({"foo": {"bar": 1}}, [{"op": "move", "from": "/foo", "path": "/foo/bar"}], None),
]


@pytest.mark.parametrize(("document", "patch", "wanted"), EXAMPLES)
def test_examples_of_the_rfc(document: Any, patch: Any, wanted: Any) -> None:
    if wanted is None:
        with pytest.raises(ApiError) as told:
            apply_json_patch(document, patch)
        assert told.value.code == 422
    else:
        assert apply_json_patch(document, patch) == wanted


@pytest.mark.parametrize("patch", [{}, [1], [{"op": "swap", "path": ""}], [{"op": "add", "path": "a", "value": 1}]])
def test_what_is_no_patch_is_a_bad_request(patch: Any) -> None:
    with pytest.raises(ApiError) as told:
        apply_json_patch({}, patch)
    assert told.value.code == 400


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text("ab~/", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab~/", max_size=2), inner, max_size=3),
    max_leaves=12,
)


@given(VALUES, VALUES)
def test_a_patch_made_of_two_documents_leads_from_one_to_the_other(before: Any, after: Any) -> None:
    patch = jsonpatch.make_patch({"x": before}, {"x": after}).patch
    assert apply_json_patch(copy.deepcopy({"x": before}), patch) == {"x": after}


POINTERS = st.lists(st.sampled_from(["a", "b", "0", "1", "-", "~0", "~1"]), max_size=3).map(
    lambda parts: "".join(f"/{part}" for part in parts)
)
OPERATIONS = st.one_of(
    st.builds(lambda path, value: {"op": "add", "path": path, "value": value}, POINTERS, VALUES),
    st.builds(lambda path: {"op": "remove", "path": path}, POINTERS),
    st.builds(lambda path, source: {"op": "copy", "path": path, "from": source}, POINTERS, POINTERS),
)


@given(VALUES, st.lists(OPERATIONS, max_size=3))
def test_no_patch_does_anything_but_change_or_refuse(document: Any, patch: list[Any]) -> None:
    try:
        apply_json_patch(copy.deepcopy(document), patch)
    except ApiError as error:
        assert error.code in (400, 422)
