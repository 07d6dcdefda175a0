"""Counts of an episode's answers that were invalid, cut off, empty or refused, made when it is stored."""

from __future__ import annotations

from collections.abc import Sequence

from infraray.episodes import Step
from infraray.protocol.ends import end_of

ANSWER_FAULTS = ("invalid", "cut", "empty", "refused")
"""What can be wrong with an answer; several may apply, and one that was cut off may still be valid."""


def count_faults(steps: Sequence[Step]) -> dict[str, int]:
    """For each of `ANSWER_FAULTS` that occurred, the number of steps with it."""
    counts: dict[str, int] = {}
    for step in steps:
        if step.info["valid"] and step.agent_extra is None and step.action != "":
            continue  # nearly all: given by a program, and valid
        for fault in _faults(step):
            counts[fault] = counts.get(fault, 0) + 1
    return counts


def _faults(step: Step) -> list[str]:
    extra = step.agent_extra or {}
    end = end_of(extra.get("finish_reason"))
    said = extra.get("said", step.action)
    refused = end == "refused" or bool(extra.get("refusal"))
    is_cut = end not in ("whole", "refused")
    there = not step.info["valid"], is_cut, isinstance(said, str) and not said.strip(), refused
    return [fault for fault, is_there in zip(ANSWER_FAULTS, there, strict=True) if is_there]
