"""What the tests' warm interpreter runs: a request is Python code, which sees ``given`` and sets ``out``."""

from __future__ import annotations

import json
from typing import Any


def prepare(given: bytes) -> bytes:
    return given


def answer(prepared: bytes, request: bytes) -> bytes:
    names: dict[str, Any] = {"given": prepared}
    exec(request.decode(), names)
    return json.dumps(names.get("out")).encode()
