"""Text as JSON from elsewhere may hold it."""

from __future__ import annotations


def whole_characters(text: str) -> str:
    """Joins the halves of characters that JSON writes as two, which chunks may part; a half alone is replaced.

    Half a character can neither be encoded nor sent.
    """
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
