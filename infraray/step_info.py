"""The information that a step returns beside observation and reward."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class StepInfo(dict[str, Any]):
    """A plain dict for Gymnasium, plus ``info["action"]``: the action as it was understood; None if it was not.

    The action is not among the entries. Libraries that batch infos put the entries of one name into one array, which
    cannot hold both numbers and None, and TorchRL stores entries beside its own, one of which is called ``action``.
    """

    __slots__ = ("action", "timing")
    action: Any
    timing: Mapping[str, float] | None
    """Seconds that parts of the step took, by name; not among the entries, as they differ from play to play."""

    def __getattr__(self, name: str) -> Any:
        # Instead of an `__init__`, which would take a tenth of a simulator's step.
        if name == "timing":
            return None
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __missing__(self, name: str) -> Any:
        if name == "action":
            return self.action
        raise KeyError(name)
