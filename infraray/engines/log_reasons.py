"""The reason why a server did not start or died, in its own words: one line of its log."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_PREFIX = re.compile(
    r"^(\x1b\[[\d;]*m|\([^()]* pid=\d+\)\s*|(ERROR|CRITICAL)\s+[\d\-]+ [\d:.,]+ \[[^\]]*\]\s*"
    r"|\[[^\]]*\d\d:\d\d[^\]]*\]\s*|\s+)+"
)
"""The prefix of messages in logs: colours, process names, levels, times, places."""

_ERROR = re.compile(
    r"^((?P<path>[a-z_][\w.]*\.)?(?P<kind>[A-Z]\w*(Error|Exception|NotFound|Interrupt))\b:?\s*(?P<text>.*)"
    r"|(.*: )?error: (?P<plain>.+)|(?P<signal>Killed|Segmentation fault.*|.*[Oo]ut of memory.*))$"
)
_EXHAUSTED = re.compile(r"out of memory|OutOfMemory|MemoryError|No available memory|Cannot allocate memory", re.I)


def find_reason(log: str, symptoms: Sequence[str] = ()) -> str | None:
    """The reason in a log, or None if there is none.

    Running out of memory outranks everything else; otherwise, the last error that is not a mere symptom counts.

    Args:
        log: what was printed.
        symptoms: patterns of errors that only report an earlier one.
    """
    errors = list(_errors(log.splitlines()))
    causes = [error for error in errors if not any(re.search(symptom, error) for symptom in symptoms)]
    exhausted = [error for error in causes if _EXHAUSTED.search(error)]
    for found in (exhausted, causes, errors):
        if found:
            return found[-1]
    return None


def _errors(lines: list[str]) -> Iterable[str]:
    """The errors of a log, each as one line with the lines that belong to it."""
    for index, line in enumerate(lines):
        match = _ERROR.match(_PREFIX.sub("", line))
        if match is None:
            continue
        text = match["text"] if match["kind"] else match["plain"] or match["signal"]
        following = lines[index + 1] if index + 1 < len(lines) else ""
        if match["kind"] and (not text or re.search(r"\d validation errors? for \w+$", text)):
            # pydantic's errors say what is wrong on the lines below.
            text = _PREFIX.sub("", following).removeprefix("Value error, ")
        text = re.sub(r"\s*\[type=\w+, input_value=.*$", "", " ".join(text.split()))
        if match["kind"]:
            text = f"{match['kind']}: {text}" if text else match["kind"]
        yield text[:500]
