"""Conversations about nothing that teach the model to copy: names, numbers and addresses that it has never seen.

Experts' answers hold words of the question, and a model of this size learns from them what stands where long before it
learns to look it up. Here nothing else helps.
"""

from __future__ import annotations

import random
import string
from collections.abc import Callable, Iterator
from typing import Any

REPEAT = "Repeat what you are told, word for word."
LOOK_UP = "You are told the values of some names. Answer with the value of the name that is asked for."


def drills(count: int, turns: int, dice: random.Random) -> Iterator[list[dict[str, Any]]]:
    """Makes conversations, in the form of those that `infraray export --to sft` writes.

    Args:
        count: of conversations.
        turns: of each.
        dice: draws all of it.
    """
    for number in range(count):
        task, turn = ((REPEAT, _repeat), (LOOK_UP, _look_up))[number % 2]
        said = [{"role": role, "content": text} for _ in range(turns) for role, text in turn(dice)]
        yield [{"role": "system", "content": task}, *said]


def _repeat(dice: random.Random) -> list[tuple[str, str]]:
    text = dice.choice(SEPARATORS).join(_word(dice) for _ in range(dice.randint(1, 12)))
    return [("user", text), ("assistant", text)]


def _look_up(dice: random.Random) -> list[tuple[str, str]]:
    values = {_word(dice): _word(dice) for _ in range(dice.randint(2, 10))}
    asked = dice.choice([*values])
    told = "\n".join(f"{name}: {value}" for name, value in values.items())
    return [("user", f"{told}\n{asked}?"), ("assistant", values[asked])]


def _word(dice: random.Random) -> str:
    return dice.choice(WORDS)(dice)


def _number(dice: random.Random) -> str:
    return str(dice.randrange(10 ** dice.randint(1, 9))) + dice.choice(("", "000", "000000"))


def _decimal(dice: random.Random) -> str:
    return f"{dice.uniform(0, 10 ** dice.randint(0, 4)):.{dice.randint(1, 4)}f}"


def _address(dice: random.Random) -> str:
    return ".".join(str(dice.randrange(256)) for _ in range(4)) + dice.choice(("", f"/{dice.randint(8, 32)}"))


def _path(dice: random.Random) -> str:
    return dice.choice("._").join(_letters(dice) + str(dice.randrange(30)) for _ in range(dice.randint(1, 5)))


def _letters(dice: random.Random) -> str:
    return "".join(dice.choices(string.ascii_lowercase, k=dice.randint(1, 5)))


SEPARATORS = (" ", ", ", "\n", " -> ", ": ")
WORDS: tuple[Callable[[random.Random], str], ...] = (_number, _decimal, _address, _path, _letters)
