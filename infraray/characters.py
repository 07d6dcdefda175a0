"""Repairs text that came as JSON from elsewhere."""

from __future__ import annotations


def whole_characters(text: str) -> str:
    """Joins surrogate pairs, which chunks may have split; a lone surrogate is replaced.

    A lone surrogate can neither be encoded nor sent.
    """
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
