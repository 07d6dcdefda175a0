"""Reads the program that an agent's answer says, where marks such as "Answer:" count as for every scenario."""

from __future__ import annotations

import json
import re
from typing import Any

from infraray.answers import read_answer, without_thoughts
from infraray.scenarios.capacity_planning.code_block import WANTED, CodeBlock, find_code
from infraray.scenarios.capacity_planning.fences import Fence, split_fences

_MARK = re.compile(
    r"^[ \t>#*_-]*(?:final )?(?:answer|action)(?: \d+)?[ \t*_]*:|<(?:answer|final_answer)>|\\boxed",
    re.IGNORECASE | re.MULTILINE,
)


_BRACES = re.compile(r"^([^{\n]*+)\{.*\}", re.MULTILINE)
"""From a line's first brace to its last; tied to the line's beginning, since to try every brace would be quadratic."""


def read_program(text: str) -> dict[str, Any]:
    """The action of an answer.

    Raises:
        InvalidAction: one line with the reason and what would be valid.
    """
    said = without_thoughts(text, WANTED)
    folded = _folded(said)
    if _MARK.search(_BRACES.sub(r"\1", folded)):
        action: dict[str, Any] = read_answer(folded, CodeBlock())
        return action
    return {"code": find_code(said)}


def _folded(text: str) -> str:
    """The text with each fence as a JSON object in one line, so that what stands in code is no mark."""
    parts = split_fences(text)
    return "".join(json.dumps({"code": part.content}) if isinstance(part, Fence) else part for part in parts)
