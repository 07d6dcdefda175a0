"""What the model learns from: experts' conversations, cut into windows of a few turns that each begin with the task."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from infraray.policy.tokenizer import BEGIN, END

Message = dict[str, Any]
Encode = Callable[[list[str]], list[list[int]]]
"""Turns texts into tokens."""

SORTED = 40
"""Batches whose windows are sorted by length together, so that those of a batch are about equally long."""


@dataclass(frozen=True)
class Window:
    """The task and a few turns of a conversation, encoded.

    Args:
        ids: the tokens, up to the end of the last answer.
        is_answer: which of them the model is to say.
    """

    ids: list[int]
    is_answer: list[bool]


def windows_of(chats: Sequence[Sequence[Message]], encode: Encode, turns: int, dice: random.Random) -> Iterator[Window]:
    """Cuts conversations into windows of one to ``turns`` questions and answers; every turn is in one of them.

    Args:
        chats: conversations, each with its task as the system message.
        encode: of the tokenizer.
        turns: the most turns of a window.
        dice: draws where to cut.
    """
    for task, *said in chats:
        pairs = [(said[at]["content"], said[at + 1]["content"]) for at in range(0, len(said) - 1, 2)]
        texts = [text for question, answer in pairs for text in (asking(question), saying(answer))]
        opening, *parts = encode([f"{BEGIN}system\n{task['content']}{END}", *texts])
        begin = 0
        while begin < len(pairs):
            end = min(begin + dice.randint(1, turns), len(pairs))
            inside = parts[2 * begin : 2 * end]
            yield Window(
                [*opening, *(token for part in inside for token in part)],
                [False] * len(opening) + [bool(number % 2) for number, part in enumerate(inside) for _ in part],
            )
            begin = end


def batches_of(windows: Sequence[Window], tokens: int, dice: random.Random) -> Iterator[list[Window]]:
    """All windows once, in random order, in batches of about equally long ones.

    Args:
        windows: of all conversations.
        tokens: the most of a batch, with the padding; a longer window is a batch of its own.
        dice: draws the order.
    """
    order = dice.sample(windows, len(windows))
    while order:
        batches: list[list[Window]] = []
        share = max(1, SORTED * tokens * len(order) // sum(len(window.ids) for window in order))
        for window in sorted(order[:share], key=lambda window: len(window.ids)):
            if not batches or len(window.ids) * (len(batches[-1]) + 1) > tokens:
                batches.append([])
            batches[-1].append(window)
        del order[:share]
        dice.shuffle(batches)
        yield from batches


def asking(text: str) -> str:
    """A question as the template writes it, from the line end of what was said before up to where the model goes on."""
    return f"\n{BEGIN}user\n{text}{END}\n{BEGIN}assistant\n"


def saying(text: str) -> str:
    """An answer with the mark that ends it."""
    return f"{text}{END}"
