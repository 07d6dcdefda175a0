"""Selectors in text and in objects, against a plain reading of their rules."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infraray.emulators.cluster.api_server.errors import ApiError
from infraray.emulators.cluster.api_server.kinds.config_maps import KIND as CONFIG_MAPS
from infraray.emulators.cluster.api_server.kinds.pods import KIND as PODS
from infraray.emulators.cluster.api_server.selectors import matches_selector, read_label_selector, read_selectors

KEYS = st.sampled_from(["app", "tier", "example.com/zone"])
WORDS = st.sampled_from(["a", "b", "c.d", "e_f"])
LABELS = st.dictionaries(KEYS, WORDS)
EXPRESSIONS = st.one_of(
    st.tuples(KEYS, st.sampled_from(["In", "NotIn"]), st.lists(WORDS, min_size=1, max_size=3)),
    st.tuples(KEYS, st.sampled_from(["Exists", "DoesNotExist"]), st.just([])),
)


def holds(key: str, operator: str, values: list[str], labels: dict[str, str]) -> bool:
    if operator == "Exists":
        return key in labels
    if operator == "DoesNotExist":
        return key not in labels
    return (labels.get(key) in values) is (operator == "In")


def in_words(key: str, operator: str, values: list[str], spaces: str) -> str:
    if operator == "Exists":
        return key
    if operator == "DoesNotExist":
        return f"!{spaces}{key}"
    if len(values) == 1 and spaces:
        return f"{key}{spaces}{'=' if operator == 'In' else '!='}{spaces}{values[0]}"
    return f"{key} {'in' if operator == 'In' else 'notin'} ({f',{spaces}'.join(values)})"


@given(st.lists(EXPRESSIONS, min_size=1, max_size=3), LABELS, st.sampled_from(["", " "]))
def test_label_selectors(expressions: list[Any], labels: dict[str, str], spaces: str) -> None:
    expected = all(holds(*expression, labels) for expression in expressions)
    text = ",".join(in_words(*expression, spaces) for expression in expressions)
    matches = read_selectors(PODS, text, "")
    assert matches is not None
    assert matches({"metadata": {"labels": labels}}) is expected
    written = [{"key": key, "operator": operator, "values": values} for key, operator, values in expressions]
    assert matches_selector({"matchExpressions": written}, labels) is expected


@given(LABELS, LABELS)
def test_match_labels(wanted: dict[str, str], labels: dict[str, str]) -> None:
    assert matches_selector({"matchLabels": wanted}, labels) is (wanted.items() <= labels.items())


def test_numbers_are_compared() -> None:
    matches = read_selectors(PODS, "weight>3,weight<9", "")
    assert matches is not None
    for weight, expected in (("3", False), ("4", True), ("8", True), ("9", False), ("x", False)):
        assert matches({"metadata": {"labels": {"weight": weight}}}) is expected
    assert not matches({"metadata": {}})


@pytest.mark.parametrize(
    "text",
    ["a=b c", "a in b", "a in (b", "=b", "a==", "a>b", "-a", "a=b,", "a in ()x", "a=b!", "(a)", "!a=b", "a/b/c=d"],
)
def test_what_is_no_label_selector_is_refused(text: str) -> None:
    if text == "a==":  # an empty value is one
        assert read_label_selector(text) == [("a", "In", [""])]
        return
    with pytest.raises(ApiError) as told:
        read_label_selector(text)
    assert told.value.code == 400


@given(st.text(max_size=12))
def test_any_text_is_read_or_refused(text: str) -> None:
    for reads in (lambda: read_selectors(PODS, text, ""), lambda: read_selectors(PODS, "", text)):
        try:
            reads()
        except ApiError as error:
            assert error.code == 400


POD = {"metadata": {"name": "p", "namespace": "n"}, "spec": {"nodeName": "one"}, "status": {"phase": "Running"}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("metadata.name=p", True),
        ("metadata.name==p,metadata.namespace=n", True),
        ("metadata.name!=p", False),
        ("spec.nodeName=one,status.phase!=Failed", True),
        ("spec.nodeName=", False),
        ("status.podIP=", True),
    ],
)
def test_field_selectors(text: str, expected: bool) -> None:
    matches = read_selectors(PODS, "", text)
    assert matches is not None and matches(POD) is expected


@pytest.mark.parametrize("text", ["data.a=b", "spec.nodeName=one", "metadata.name", "status.phase>1"])
def test_a_field_that_cannot_be_selected_by_is_refused(text: str) -> None:
    with pytest.raises(ApiError) as told:
        read_selectors(CONFIG_MAPS, "", text)
    assert told.value.code == 400
