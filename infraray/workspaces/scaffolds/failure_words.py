"""What the words of a scaffold about a failure mean.

The scaffolds pass on what the model's server said, each in its own wrapping, or say in their own words that there was
no answer. A status of HTTP among the words decides; words decide where there is none.
"""

from __future__ import annotations

import re

from infraray.workspaces.scaffolds.events import Failure

_STATUS = re.compile(r"\b(?:status(?:\s+code)?|error|http|last status)\b\W{0,3}([45]\d\d)\b", re.IGNORECASE)
_WORDS = (
    (Failure.NEEDS_LOGIN, r"unauthori[sz]ed|api.?key|/login|log(ged)?.?in|authenticat|oauth|credential"),
    (Failure.MODEL_REFUSED, r"context.?(length|window)|prompt is too long|invalid.?request|bad request|not.?found"),
    (
        Failure.MODEL_UNREACHABLE,
        r"reconnect|connect|network|time.?out|timed out|disconnected|stream|overloaded|rate.?limit|too many requests"
        r"|unable to reach|fetch failed|socket|econn|high demand|server error|retry",
    ),
)


def failure_of(words: str, status: int | None = None, otherwise: Failure = Failure.CRASHED) -> Failure:
    """The failure that words tell of.

    Args:
        words: what the scaffold says.
        status: of HTTP, where it says that apart.
        otherwise: what it is if the words are not recognised.
    """
    said = _STATUS.search(words)
    status = status or (int(said[1]) if said else None)
    if status is not None and status >= 400:
        if status in (401, 403):
            return Failure.NEEDS_LOGIN
        return Failure.MODEL_UNREACHABLE if status in (408, 409, 429) or status >= 500 else Failure.MODEL_REFUSED
    for failure, pattern in _WORDS:
        if re.search(pattern, words, re.IGNORECASE):
            return failure
    return otherwise
