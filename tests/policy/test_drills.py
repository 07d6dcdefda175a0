"""Drills are conversations whose answers stand in their questions."""

from __future__ import annotations

import random

import pytest

from infraray.policy.drills import LOOK_UP, REPEAT, drills


@pytest.mark.parametrize("seed", range(5))
def test_every_answer_stands_in_its_question(seed: int) -> None:
    chats = [*drills(40, 4, random.Random(seed))]
    assert {chat[0]["content"] for chat in chats} == {REPEAT, LOOK_UP}
    for task, *said in chats:
        assert [message["role"] for message in said] == ["user", "assistant"] * 4
        for asked, answer in zip(said[::2], said[1::2], strict=True):
            if task["content"] == REPEAT:
                assert answer["content"] == asked["content"]
            else:
                *told, name = asked["content"].split("\n")
                assert f"{name.removesuffix('?')}: {answer['content']}" in told
