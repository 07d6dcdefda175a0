"""Chat messages in the form of OpenAI's protocol."""

from __future__ import annotations

from typing import Any

Message = dict[str, Any]
"""``role`` and ``content``."""


def system(content: str) -> Message:
    """The system message, which holds for the whole conversation."""
    return {"role": "system", "content": content}


def user(content: str) -> Message:
    """A user message: what the model reads."""
    return {"role": "user", "content": content}


def assistant(content: str) -> Message:
    """An assistant message: what the model said."""
    return {"role": "assistant", "content": content}
