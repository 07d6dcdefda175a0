"""Label and field selectors: those of objects, and those of queries in text."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from .errors import Object, bad_request
from .kind import Kind
from .validation.names import label_key_problem, label_value_problem

Labels = Mapping[str, str]
Matches = Callable[[Object], bool]
"""Whether an object matches."""


def matches_selector(selector: Object, labels: Labels) -> bool:
    """Whether labels match a LabelSelector object; an empty one matches all."""
    for key, value in selector.get("matchLabels", {}).items():
        if labels.get(key) != value:
            return False
    return all(
        _holds(expression["key"], expression["operator"], expression.get("values", []), labels)
        for expression in selector.get("matchExpressions", [])
    )


def _holds(key: str, operator: str, values: Any, labels: Labels) -> bool:
    if operator == "In":
        return key in labels and labels[key] in values
    if operator == "NotIn":  # also where the key is missing
        return key not in labels or labels[key] not in values
    if operator == "Exists":
        return key in labels
    if operator == "DoesNotExist":
        return key not in labels
    number = labels.get(key, "")
    if not re.fullmatch(r"-?\d+", number):
        return False
    return int(number) > int(values[0]) if operator == "Gt" else int(number) < int(values[0])


def read_selectors(kind: Kind, label_selector: str, field_selector: str) -> Matches | None:
    """What both selectors of a query ask for; None if they ask for nothing.

    Raises:
        ApiError: one cannot be read.
    """
    wanted = read_label_selector(label_selector)
    fields = read_field_selector(kind, field_selector)
    if not wanted and not fields:
        return None

    def matches(given: Object) -> bool:
        for value_of, equal, value in fields:
            if (value_of(given) == value) is not equal:
                return False
        labels = given["metadata"].get("labels", {}) if wanted else {}
        return all(_holds(key, operator, values, labels) for key, operator, values in wanted)

    return matches


_TOKEN = re.compile(r"\s*(?:(?P<sign>==|!=|=|!|<|>|\(|\)|,)|(?P<word>[^\s=!<>(),]+))")


class _Words:
    """A label selector in text, word by word."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = [match.group(match.lastgroup or 0) for match in _TOKEN.finditer(text)]
        if "".join(self._tokens) != re.sub(r"\s", "", text):
            raise self.wrong(f"cannot read {text!r}")
        self._next = 0

    @property
    def over(self) -> bool:
        return self._next >= len(self._tokens)

    def peek(self) -> str:
        return "" if self.over else self._tokens[self._next]

    def take(self) -> str:
        token = self.peek()
        self._next += 1
        return token

    def wrong(self, why: str) -> Exception:
        return bad_request(f"unable to parse requirement: {why} in the label selector {self._text!r}")


def read_label_selector(text: str) -> list[tuple[str, str, list[str]]]:
    """Requirements of a label selector such as ``app in (a, b), !old, tier=web``: key, operator, values.

    Raises:
        ApiError: it cannot be read.
    """
    if not text.strip():
        return []
    words = _Words(text)
    requirements = [_read_requirement(words)]
    while not words.over:
        if words.take() != ",":
            raise words.wrong("found no ',' between requirements")
        requirements.append(_read_requirement(words))
    return requirements


def _read_requirement(words: _Words) -> tuple[str, str, list[str]]:
    negated = words.peek() == "!"
    if negated:
        words.take()
    key = words.take()
    if problem := label_key_problem(key):
        raise words.wrong(f"key {key!r}: {problem}")
    sign = words.peek()
    if negated or sign in ("", ","):
        return key, "DoesNotExist" if negated else "Exists", []
    words.take()
    if sign in ("=", "==", "!="):
        value = "" if words.peek() in ("", ",") else words.take()
        return key, "NotIn" if sign == "!=" else "In", [_label_value(value, words)]
    if sign in ("in", "notin"):
        return key, "In" if sign == "in" else "NotIn", _read_values(words)
    if sign in ("<", ">"):
        value = words.take()
        if not re.fullmatch(r"-?\d+", value):
            raise words.wrong(f"for 'Gt', 'Lt' operators, the value must be an integer, not {value!r}")
        return key, "Gt" if sign == ">" else "Lt", [value]
    raise words.wrong(f"found {sign!r}, expected: !, in, notin, =, ==, !=, <, >")


def _read_values(words: _Words) -> list[str]:
    if words.take() != "(":
        raise words.wrong("found no '(' after in or notin")
    values = [""]
    while (token := words.take()) != ")":
        if token == "":
            raise words.wrong("found no ')'")
        if token == ",":
            values.append("")
        elif values[-1]:
            raise words.wrong("found no ',' between values")
        else:
            values[-1] = _label_value(token, words)
    return values


def _label_value(value: str, words: _Words) -> str:
    if problem := label_value_problem(value):
        raise words.wrong(f"value {value!r}: {problem}")
    return value


def read_field_selector(kind: Kind, text: str) -> list[tuple[Callable[[Object], str], bool, str]]:
    """Requirements of a field selector such as ``status.phase!=Running``: the field, whether equal, the value.

    Raises:
        ApiError: it cannot be read, or the kind has no such field to select by.
    """
    requirements = []
    for part in re.split(r"(?<!\\),", text):
        if not part:
            continue
        match = re.fullmatch(r"(.*?)(==|!=|=)((?:\\.|[^\\=,])*)", part)
        if match is None:
            raise bad_request(f"invalid selector: '{text}'; can't understand '{part}'")
        name, sign, value = match.groups()
        requirements.append((_field(kind, name), sign != "!=", re.sub(r"\\(.)", r"\1", value)))
    return requirements


def _field(kind: Kind, name: str) -> Callable[[Object], str]:
    if name == "metadata.name":
        return lambda given: str(given["metadata"]["name"])
    if name == "metadata.namespace" and kind.namespaced:
        return lambda given: str(given["metadata"]["namespace"])
    if kind.selectable is None or name not in kind.selectable:
        raise bad_request(f"field label not supported: {name}")
    return kind.selectable[name]
