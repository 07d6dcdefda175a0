"""Makes a command's output safe to store, to print on a terminal and to show to an LLM."""

from __future__ import annotations

import re

_TERMINAL_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor movements, ...
    r"|(?:\x1b\]|\x9d)[^\x07\x1b\x80-\x9f]*(?:\x07|\x1b\\|\x9c)"  # OSC: titles, clipboard, links
    r"|(?:\x1b[PX^_]|[\x90\x98\x9e\x9f])[^\x1b\x80-\x9f]*(?:\x1b\\|\x9c)"  # DCS, SOS, PM, APC: strings for the terminal
    r"|\x1b[ -/]*[0-~]"  # two-character sequences
)
_LINE_END = re.compile(r"\r+\n?")
_UNPRINTABLE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters except tab and newline
    r"\u200e\u200f\u202a-\u202e\u2066-\u2069]"  # characters that reorder displayed text (CVE-2021-42574)
)


def printable(raw: bytes) -> str:
    """The text of ``raw`` as UTF-8, without terminal sequences, control and reordering characters.

    A carriage return becomes a newline, so nothing is overwritten. Never longer than ``raw``.
    """
    text = raw.decode("utf-8", errors="replace")
    return _UNPRINTABLE.sub("", _LINE_END.sub("\n", _TERMINAL_SEQUENCE.sub("", text)))
