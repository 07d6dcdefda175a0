"""Names as operations hold them: a node's own, or inside of a loop one that begins with that of the node at hand."""

from __future__ import annotations

EACH = "{each}"
"""The node at hand; `{each}.p17` is its name and then `.p17`."""

LOOP_NODE = "X"
"""What questions call the node at hand."""


def bound(name: str, each: str | None) -> str:
    """The name that is meant while a loop is at the node ``each``."""
    return name if each is None else name.replace(EACH, each, 1)


def said(name: str) -> str:
    """A name as questions write it: in backticks, so that a dot at its end belongs to the sentence."""
    return f"`{name.replace(EACH, LOOP_NODE, 1)}`"


def coded(name: str) -> str:
    """The expression that gives the name in Python; the loop's variable is ``each``."""
    if not name.startswith(EACH):
        return repr(name)
    ending = name.removeprefix(EACH)
    return f"each + {ending!r}" if ending else "each"


def listed(names: tuple[str, ...]) -> str:
    """Names as questions list them."""
    *others, last = [said(name) for name in names]
    return f"{', '.join(others)} and {last}" if others else last
