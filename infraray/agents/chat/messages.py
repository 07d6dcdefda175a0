"""Chat messages in the form of OpenAI's protocol."""

from __future__ import annotations

from typing import Any

Message = dict[str, Any]
"""``role`` and ``content``."""


def task(*parts: str) -> Message:
    """The system message: what the task is, the actions, how to answer, and more; empty parts are left out."""
    return {"role": "system", "content": "\n\n".join(part for part in parts if part)}


def user(content: str) -> Message:
    """A user message: what the model reads."""
    return {"role": "user", "content": content}


def assistant(content: str) -> Message:
    """An assistant message: what the model said."""
    return {"role": "assistant", "content": content}
