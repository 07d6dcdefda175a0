"""What a step says beside observation and reward."""

from __future__ import annotations

from typing import Any


class StepInfo(dict[str, Any]):
    """A plain dict for Gymnasium, and ``info["action"]``: the action as it was understood, None where none was.

    The action is not among the entries. Libraries that batch infos put the entries of one name into one array, which
    cannot hold numbers and None, and TorchRL lays entries beside its own, of which one is called ``action``.
    """

    __slots__ = ("action",)
    action: Any

    def __missing__(self, name: str) -> Any:
        if name == "action":
            return self.action
        raise KeyError(name)
