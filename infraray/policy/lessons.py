"""What the model learns from: experts' conversations, cut into windows of a few turns.

All conversations of a scenario begin with the same first message, the task, which may be as long as everything after
it. So the windows of a lesson share it: it is computed once, and each window continues it as a conversation of its own.
In this way the model learns exactly the prompts that it will be shown, in about half of the time.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from infraray.policy.tokenizer import BEGIN, END

Message = dict[str, Any]
Encode = Callable[[list[str]], list[list[int]]]
"""Turns texts into tokens."""

SORTED = 64
"""Windows that are sorted by length at a time, so that those of a lesson are about equally long."""


@dataclass(frozen=True)
class Window:
    """A few turns of a conversation, encoded.

    Args:
        ids: the tokens, from the first question to the last answer.
        is_answer: which of them the model is to say.
    """

    ids: list[int]
    is_answer: list[bool]


@dataclass(frozen=True)
class Lesson:
    """Windows of conversations about one task.

    Args:
        task: the tokens of the first message, which all of them continue.
        windows: of about the same length.
    """

    task: list[int]
    windows: list[Window]

    @property
    def tokens(self) -> int:
        """All of them, without padding."""
        return len(self.task) + sum(len(window.ids) for window in self.windows)


def lessons_of(
    chats: Sequence[Sequence[Message]], encode: Encode, turns: int, tokens: int, dice: random.Random
) -> list[Lesson]:
    """All lessons of many conversations, in random order.

    Args:
        chats: conversations, each with its task as the system message.
        encode: of the tokenizer.
        turns: the most turns of a window.
        tokens: of all windows of a lesson with their padding; a longer window is a lesson of its own.
        dice: draws windows and order.
    """
    by_task: defaultdict[str, list[Window]] = defaultdict(list)
    for messages in chats:
        by_task[messages[0]["content"]].extend(cut(messages, turns, encode, dice))
    lessons: list[Lesson] = []
    for task, windows in by_task.items():
        dice.shuffle(windows)
        (opening,) = encode([f"{BEGIN}system\n{task}{END}"])
        for begin in range(0, len(windows), SORTED):
            alike = sorted(windows[begin : begin + SORTED], key=lambda window: len(window.ids))
            lessons += [Lesson(opening, some) for some in _shares(alike, tokens)]
    dice.shuffle(lessons)
    return lessons


def cut(messages: Sequence[Message], turns: int, encode: Encode, dice: random.Random) -> Iterator[Window]:
    """Cuts a conversation after the task into windows of one to ``turns`` questions and answers."""
    pairs = [(messages[at]["content"], messages[at + 1]["content"]) for at in range(1, len(messages) - 1, 2)]
    ids = encode([text for asked, said in pairs for text in (asking(asked), saying(said))])
    begin = 0
    while begin < len(pairs):
        end = min(begin + dice.randint(1, turns), len(pairs))
        parts = ids[2 * begin : 2 * end]
        yield Window(
            [token for part in parts for token in part],
            [bool(number % 2) for number, part in enumerate(parts) for _ in part],
        )
        begin = end


def asking(text: str) -> str:
    """A question as the template writes it, from the line end of what was said before up to where the model goes on."""
    return f"\n{BEGIN}user\n{text}{END}\n{BEGIN}assistant\n"


def saying(text: str) -> str:
    """An answer with the mark that ends it."""
    return f"{text}{END}"


def _shares(windows: Sequence[Window], tokens: int) -> Iterator[list[Window]]:
    """Parts of a list, each with at most so many tokens when all are padded to the last and longest."""
    part: list[Window] = []
    for window in windows:
        if part and len(window.ids) * (len(part) + 1) > tokens:
            yield part
            part = []
        part.append(window)
    if part:
        yield part
