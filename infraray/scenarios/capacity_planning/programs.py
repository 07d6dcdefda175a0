"""Actions: a program, as a space."""

from __future__ import annotations

from typing import Any

from gymnasium import spaces

from infraray.environment import TEXT_CHARACTERS
from infraray.scenarios.capacity_planning.code_block import FUNCTION, MAX_CODE_CHARACTERS

GUESSES = ("graph_data", "[]", "sorted(graph_data)[:3]", *map(str, range(10)), "[(sorted(graph_data)[0], 0)]")


def program(answer: str) -> str:
    """A program that returns an expression."""
    return f"def {FUNCTION}(graph_data):\n    return {answer}"


class Programs(spaces.Dict):
    """``{"code": ...}``: any text that can be a program and is not blank.

    Samples are guesses at an answer. Texts of random characters would say nothing about chance in this scenario.
    """

    def __init__(self) -> None:
        super().__init__({"code": spaces.Text(MAX_CODE_CHARACTERS, min_length=1, charset=TEXT_CHARACTERS)})

    def sample(self, *_: Any, **__: Any) -> dict[str, Any]:
        """Draws one of the guesses."""
        return {"code": program(GUESSES[int(self.np_random.integers(len(GUESSES)))])}

    def contains(self, x: Any) -> bool:
        """Whether ``x`` has a program in it, also one with letters of other alphabets."""
        if not isinstance(x, dict) or x.keys() != {"code"} or not isinstance(x["code"], str):
            return False
        return len(x["code"]) <= MAX_CODE_CHARACTERS and bool(x["code"].strip()) and _is_text(x["code"])


def _is_text(code: str) -> bool:
    """Whether it has neither halves of characters nor NUL, which no program can hold."""
    try:
        return "\0" not in code and bool(code.encode())
    except UnicodeEncodeError:
        return False
