"""How a request can fail, and what the server meant by refusing it."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Any

from infraray.errors import InfrarayError


class TransientFailure(Exception):
    """The same request may succeed later; the text says what happened.

    Args:
        reason: one line.
        retry_after_s: how long the server asks to wait.
    """

    def __init__(self, reason: str, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


class Busy(TransientFailure):
    """The server is there and takes no request now (status 429, say): it wants to be asked later, and less."""


class ContextOverflow(InfrarayError):
    """The prompt and the answer do not fit into the model's context.

    Args:
        reason: the server's own.
        context_tokens: the model's context, where the server names it.
    """

    def __init__(self, reason: str, context_tokens: int | None = None) -> None:
        super().__init__(reason)
        self.context_tokens = context_tokens


class Unsupported(InfrarayError):
    """The server does not take an option of the request.

    Args:
        reason: the server's own.
        option: the option's name.
        is_guess: whether the server may have meant something else; the request without the option shows it.
    """

    def __init__(self, reason: str, option: str, is_guess: bool = False) -> None:
        super().__init__(reason)
        self.option = option
        self.is_guess = is_guess


ANSWER_FORMATS = ("response_format", "tools")
"""Options that change how an answer is read: a strategy has to know when they are refused."""

DISPENSABLE = ("stream_options", "stream", "max_tokens", "temperature", "seed", "stop")
"""Options that a request can go without (``max_tokens`` under its newer name)."""

_OVERFLOW = re.compile(
    r"context_length_exceeded|(?:maximum|max|model'?s?) (?:\w+ )?context|context (?:length|window|size)|"
    r"max_model_len|maximum model length|prompt is too long|too many (?:input )?tokens|"
    r"inputs?`? tokens .{0,30}must (?:be|have)|inputs`? must have less than \d+ tokens|"
    r"longer than the (?:maximum|model)",
    re.IGNORECASE,
)
_CONTEXT = re.compile(
    r"(?:context (?:length|window|size)|model length|max_model_len)\D{0,20}(\d+)|context of (\d+)|"
    r"max_new_tokens`? must be <= (\d+)|inputs`? must have less than (\d+) tokens",
    re.IGNORECASE,
)
_NOT_SUPPORTED = re.compile(
    r"not (?:\w+ )?(?:support|permit|allow|implement|recogni|available)|unsupport|unrecogni|unknown|unexpected|extra|"
    r"unavailable|instead|does not exist|cannot stream|no stream",
    re.IGNORECASE,
)


def server_reason(body: Any, fallback: str) -> str:
    """The server's own words for a failure, in one bounded line."""
    found: Any = body
    for name in ("error", "message", "detail"):
        if isinstance(found, dict) and name in found:
            found = found[name]
    if isinstance(found, dict | list):
        found = json.dumps(found)
    line = " ".join(str(found if found not in (None, "") else fallback).split())
    return line if len(line) <= 300 else f"{line[:297]}..."


def what_was_refused(reason: str, named: Any, sent: Collection[str]) -> InfrarayError:
    """Reads a refusal (status 400 and the like).

    Args:
        reason: the server's own words.
        named: the option that the server names as the culprit, if it does.
        sent: the options of the request.
    """
    if _OVERFLOW.search(reason):
        context = _CONTEXT.search(reason)
        return ContextOverflow(reason, int(next(group for group in context.groups() if group)) if context else None)
    if _NOT_SUPPORTED.search(reason):
        for option in (*DISPENSABLE, *ANSWER_FORMATS):
            if option in sent and (named == option or re.search(rf"(?<!\w){option}(?!\w)", reason)):
                return Unsupported(reason, option)
    for option in ANSWER_FORMATS:
        # Servers word this refusal in many ways.
        if option in sent:
            return Unsupported(reason, option, is_guess=True)
    if "stream" in sent and re.search(r"\bstream(?:ing|ed)?\b", reason, re.IGNORECASE):
        return Unsupported(reason, "stream", is_guess=True)
    return InfrarayError(reason)
