"""The code in an answer: in a fence, in several, in a JSON object, or bare, with or without words around it."""

from __future__ import annotations

import re
import textwrap
from typing import Any

from infraray.answers import AnswerForm
from infraray.answers.form import own_values, shown, wrapped
from infraray.answers.json_objects import JsonObject, find_objects
from infraray.errors import InvalidAction
from infraray.scenarios.capacity_planning.fences import fenced, find_fences
from infraray.scenarios.capacity_planning.pieces import Piece, read_piece, with_needed

FUNCTION = "process_graph"
"""The function that an agent writes."""

MAX_CODE_CHARACTERS = 50_000

WANTED = f"answer with one block of Python in a fence (```python) that defines {FUNCTION}(graph_data)"

_BEGINNING = re.compile(
    r"^(?:import \w|from [\w.]+ import\b|(?:async )?def \w+\(|class \w+[:(]|@\w|process_graph\b)", re.M
)
_TAG = re.compile(r"</?(?:code|pre|python|answer|final_answer|solution|program)>")
_MOST_ENDINGS = 20


class CodeBlock(AnswerForm):
    """An action ``{"code": "def process_graph(graph_data): ..."}``, said as a fenced block."""

    names = ("code", "python", "program", "source", "source_code", "script", "solution")
    wanted = WANTED

    def say(self, action: Any) -> str:
        """The code in a fence."""
        return fenced(action["code"], "python")

    def from_object(self, content: JsonObject) -> dict[str, str]:
        """The code under the object's own key; a fence that stands there too comes off."""
        named = list(own_values(self, content))
        while not any(name in self.names for name, _ in named) and (inner := wrapped(content)) is not None:
            content = inner
            named = list(own_values(self, content))
        own = [value for name, value in named if name in self.names] or [value for _, value in named]
        values = {value if isinstance(value, str) else None for value in own}
        if len(values) != 1 or None in values:
            raise InvalidAction(f'the JSON object must have the code as a string under "code"; {WANTED}')
        value = str(values.pop())
        is_fenced = read_piece(value).wrong_line is not None and bool(find_fences(value))
        return {"code": _from_fences(value) if is_fenced else _bounded(value)}

    def from_prose(self, text: str) -> dict[str, str]:
        """The code in a text."""
        return {"code": find_code(text)}


def find_code(text: str) -> str:
    """The code that an answer holds, thoughts taken off before.

    Of several blocks, the one that defines `FUNCTION` counts, behind those that define what it needs. Code that cannot
    be parsed is found too: what is wrong with it is told when it runs.

    Raises:
        InvalidAction: there is none, two different blocks define the function, or it is too long.
    """
    text = text.replace("\r\n", "\n").strip("\n")
    whole = read_piece(text)
    if whole.wrong_line is None and FUNCTION in whole.defines:
        return _bounded(text)
    if find_fences(text):
        return _from_fences(text)
    code = _from_objects(text)
    return _from_prose(text) if code is None else code


def _from_fences(text: str) -> str:
    fences = find_fences(text)
    blocks = [fence for fence in fences if fence.is_python] or [fence for fence in fences if not fence.language]
    pieces = [read_piece(block.content) for block in blocks]
    defining = {piece.source.strip(): piece for piece in pieces if FUNCTION in piece.defines}
    if len(defining) > 1:
        raise InvalidAction(f"{len(defining)} different blocks define {FUNCTION}; {WANTED}")
    if defining:
        helpers = [piece for piece in pieces if FUNCTION not in piece.source]
        return _joined(with_needed(next(iter(defining.values())), helpers))
    for fence in fences:
        if (code := _from_objects(fence.content)) is not None:
            return code
    if not pieces:
        raise InvalidAction(f"no block of Python in {shown(text)}; {WANTED}")
    return _joined(pieces)


def _from_objects(text: str) -> str | None:
    """The code in the only JSON object that has some, None where none has."""
    form = CodeBlock()
    codes = set()
    for found in find_objects(text):
        if found.content is not None and form.is_meant(found.content):
            try:
                code = form.from_object(found.content)["code"]
            except InvalidAction:
                continue  # Python's dictionaries look like objects too.
            if FUNCTION in code:
                codes.add(code)
    if len(codes) > 1:
        raise InvalidAction(f"{len(codes)} different JSON objects define {FUNCTION}; {WANTED}")
    return codes.pop() if codes else None


def _from_prose(text: str) -> str:
    """Bare code from its first line on, without the words behind it."""
    text = textwrap.dedent(_TAG.sub("", text))
    beginning = _BEGINNING.search(text)
    if beginning is None or FUNCTION not in text:
        raise InvalidAction(f"no code in {shown(text)}; {WANTED}")
    text = _bounded(text[beginning.start() :])
    piece = read_piece(text)
    for _ in range(_MOST_ENDINGS):
        if piece.wrong_line is None:
            return piece.source.rstrip()
        piece = read_piece("\n".join(piece.source.split("\n")[: max(piece.wrong_line - 1, 0)]))
        if FUNCTION not in piece.defines:
            break
    return text


def _joined(pieces: list[Piece]) -> str:
    return _bounded("\n\n".join(piece.source for piece in pieces))


def _bounded(code: str) -> str:
    if len(code) > MAX_CODE_CHARACTERS:
        raise InvalidAction(f"the code has {len(code)} characters; at most {MAX_CODE_CHARACTERS} are read; {WANTED}")
    return code
