"""The ways in which a request can fail, and what a server meant by refusing it."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Any

from infraray.agents.chat.concessions import ANSWER_FORMATS, suspects
from infraray.errors import InfrarayError


class TransientFailure(Exception):
    """A failure after which the same request may succeed later; the text says what happened.

    Args:
        reason: one line.
        retry_after_s: how long the server asks to wait.
    """

    def __init__(self, reason: str, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


class Busy(TransientFailure):
    """The server is up but accepts no request now (status 429, say): it wants to be asked later, and less often."""


class StatedError(Exception):
    """An error inside an answer of status 200.

    Args:
        error: as the server states it.
        status: the status it amounts to; None if it does not say.
    """

    def __init__(self, error: Any, status: int | None) -> None:
        super().__init__(str(error))
        self.error = error
        self.status = status


class ContextOverflow(InfrarayError):
    """The prompt and the answer do not fit into the model's context.

    Args:
        reason: the server's own.
        context_tokens: the model's context, if the server names it.
    """

    def __init__(self, reason: str, context_tokens: int | None = None) -> None:
        super().__init__(reason)
        self.context_tokens = context_tokens


class Unsupported(InfrarayError):
    """The server does not accept something about the request.

    Args:
        reason: the server's own.
        option: the option's name, or another concession to make.
        is_guess: whether the server may have meant something else; a request without the option shows it.
    """

    def __init__(self, reason: str, option: str, is_guess: bool = False) -> None:
        super().__init__(reason)
        self.option = option
        self.is_guess = is_guess


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


_NO_TEMPLATE_FOR = re.compile(r"system role|roles? must alternate|jinja|chat template", re.IGNORECASE)
"""What llama.cpp says with status 500 where others use 400."""


def is_refusal(status: int, reason: str) -> bool:
    """Whether a server with this answer has read the request and rejects it as it is."""
    return status in (400, 413, 422, 501) or (status == 500 and _NO_TEMPLATE_FOR.search(reason) is not None)


def culprit(body: Any) -> str:
    """The cause that the server names beside its words: OpenAI's ``param``, FastAPI's ``loc``; "" if it names none."""
    if not isinstance(body, dict):
        return ""
    details = body.get("detail")
    places = [detail.get("loc") for detail in details if isinstance(detail, dict)] if isinstance(details, list) else []
    return " ".join(str(name) for name in (body.get("param"), *places) if name)


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


def what_was_refused(
    reason: str, named: str | None, sent: Collection[str], tried: Collection[str] = ()
) -> InfrarayError:
    """Reads a refusal (status 400 and the like).

    Args:
        reason: the server's own words.
        named: the culprit that the server names beside them, if any.
        sent: the request, or the names of its options.
        tried: concessions (see `infraray.agents.chat.concessions`) already made, even to no avail.
    """
    if _OVERFLOW.search(reason):
        context = _CONTEXT.search(reason)
        return ContextOverflow(reason, int(next(group for group in context.groups() if group)) if context else None)
    for option in suspects(f"{reason} {named or ''}", sent):
        if option not in tried:
            return Unsupported(reason, option, is_guess=not _NOT_SUPPORTED.search(reason))
    for option in ANSWER_FORMATS:
        # Servers phrase this refusal in many ways.
        if option in sent and option not in tried:
            return Unsupported(reason, option, is_guess=True)
    return InfrarayError(reason)
