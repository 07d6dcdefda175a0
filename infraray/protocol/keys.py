"""A check of a server's key, as it was exported."""

from __future__ import annotations

_QUOTES = "\"'`\N{LEFT SINGLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}\N{LEFT DOUBLE QUOTATION MARK}" + (
    "\N{RIGHT DOUBLE QUOTATION MARK}\N{LEFT-POINTING DOUBLE ANGLE QUOTATION MARK}"
    "\N{RIGHT-POINTING DOUBLE ANGLE QUOTATION MARK}\N{DOUBLE LOW-9 QUOTATION MARK}"
)


def key_fault(key: str) -> str | None:
    """The reason why a text cannot be a key, in words that do not reveal it; None for one that may be a key."""
    if key and not key.strip():
        return "holds nothing but blanks"
    if any(character in _QUOTES for character in key):
        return "has quotation marks in it"
    if any(character.isspace() for character in key):
        return "has blanks or line breaks in it"
    if not key.isascii() or not key.isprintable():
        return "has characters in it that no key has"
    return None
