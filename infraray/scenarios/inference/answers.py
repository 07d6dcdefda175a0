"""Reading a request to measure or submit from what an agent wrote."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from infraray.errors import InfrarayError, InvalidAction
from infraray.tune.space import SearchSpace
from infraray.tune.values import Configuration

EVALUATE, SUBMIT = "evaluate", "submit"
VERBS = (EVALUATE, SUBMIT)

_DECODER = json.JSONDecoder()


def parse_request(text: str, space: SearchSpace) -> dict[str, Any]:
    """The last JSON object with ``evaluate`` or ``submit``, its configuration completed and checked.

    What the configuration leaves out has its default.

    Raises:
        InvalidAction: one line with the reason and what would be valid.
    """
    found = [document for document in _objects(text) if any(verb in document for verb in VERBS)]
    if not found:
        shown = repr(text if len(text) <= 80 else f"{text[:77]}...")
        raise InvalidAction(f'no request in {shown}; answer for example {{"evaluate": {{}}}} or {{"submit": {{}}}}')
    document = found[-1]
    verb = EVALUATE if EVALUATE in document else SUBMIT
    given = document[verb]
    if not isinstance(given, dict):
        raise InvalidAction(f'{verb}={given!r}: must be an object of settings, such as {{"{verb}": {{}}}}')
    return {verb: complete(given, space)}


def complete(given: dict[str, Any], space: SearchSpace) -> Configuration:
    """A canonical configuration: what is left out has its default, what is inactive is left out.

    Raises:
        InvalidAction: a setting is unknown, out of range or forbidden beside another.
    """
    whole: dict[str, Any] = {name: value for name, value in given.items() if name not in space.by_name}
    active: dict[str, Any] = {}
    for dimension in space.hyperparameters:
        if space.is_active(dimension.name, active):
            active[dimension.name] = given.get(dimension.name, dimension.default)
        elif dimension.name in given:
            needs = ", ".join(f"{name} is {' or '.join(map(str, of))}" for name, of in dimension.when.items())
            raise InvalidAction(f"{dimension.name}: has no meaning here; it needs that {needs}")
    try:
        return space.canonical({**whole, **active})
    except InfrarayError as error:
        raise InvalidAction("; ".join(str(error).splitlines())) from None


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """JSON objects in a text, outermost ones only."""
    position = 0
    while (start := re.compile(r"\{").search(text, position)) is not None:
        try:
            document, position = _DECODER.raw_decode(text, start.start())
        except (ValueError, RecursionError):
            position = start.end()
            continue
        yield document
