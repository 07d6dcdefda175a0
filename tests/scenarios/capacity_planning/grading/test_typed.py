"""Whatever stands in the grader's stream, reading it gives a reply or says that it is none."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from infraray.scenarios.capacity_planning.grading.typed import Unreadable, read_reply

REPLY = {
    "outcome": "returned",
    "type": ["str", "text"],
    "answer": ["list", [["tuple", [["str", "a"], ["int", 3]]], ["float", "0x1.8p+1"], ["bool", True], ["none"]]],
    "nodes": [["n", ["dict", [[["str", "switch_loc"], ["dict", [[["str", "stage"], ["int", 2]]]]]]]], ["m", None]],
    "edges": [["a", "b", ["dict", [[["str", "type"], ["list", [["str", "RK_CONTAINS"]]]]]]], ["c", "d", None]],
}
PIECES = [
    *(None, True, False, 0, -1, 2**63, 10**400, 1.5, float("nan"), float("inf"), "", "a", "\ud800", "\0"),
    *("int", "float", "dict", "list", "none", "0x1p99999", "0x1p-99999", "1" * 5000, [], [[]], {}, {"outcome": 1}),
    *(["graph"], ["int", 1], ["float", "0x1p99999"], ["float", "inf"], ["dict", [[["list", []], ["int", 1]]]]),
]


def places(said: Any) -> Iterator[tuple[Any, Any]]:
    """Each container of a reply, with each key or index in it."""
    for key in said if isinstance(said, dict) else range(len(said)) if isinstance(said, list) else ():
        yield said, key
        yield from places(said[key])


@pytest.mark.parametrize("seed", range(20))
def test_a_reply_with_anything_in_it_is_read_or_unreadable(seed: int) -> None:
    draw = random.Random(seed)
    for _ in range(100):
        said: Any = copy.deepcopy(REPLY)
        for _ in range(draw.choice([1, 1, 2, 3])):
            held, key = draw.choice(list(places(said)))
            if draw.random() < 0.2:
                del held[key]
            else:
                held[key] = copy.deepcopy(draw.choice(PIECES))
        with suppress(Unreadable):
            read_reply(json.dumps(said).encode())


@pytest.mark.parametrize("text", [b"", b"\xff", b"1", b"[]", b"null", b"[" * 10**5, b'{"a":' * 10**5])
def test_what_is_no_reply_is_unreadable(text: bytes) -> None:
    with pytest.raises(Unreadable):
        read_reply(text)


def test_a_float_that_no_float_can_be_is_unreadable() -> None:
    with pytest.raises(Unreadable):
        read_reply(json.dumps({**REPLY, "answer": ["float", "0x1p99999"]}).encode())
