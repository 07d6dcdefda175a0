"""What the time of a run went into, from the times of its events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

Event = Mapping[str, Any]
"""An event of `infraray.workspaces.record`."""


@dataclass(frozen=True)
class Activity:
    """Seconds of a run, each counted once: at what stands first here, if several things went on.

    Args:
        model_s: the model answered.
        tools_s: a tool of the workspace ran, such as an evaluation.
        starting_s: the scaffold had been started and had not yet asked its model.
        acting_s: the agent's own commands ran, or its scaffold worked.
        idle_s: no scaffold ran: between an end and the next start, and after the last.
    """

    model_s: float = 0.0
    tools_s: float = 0.0
    starting_s: float = 0.0
    acting_s: float = 0.0
    idle_s: float = 0.0

    @property
    def whole_s(self) -> float:
        """All of it."""
        return self.model_s + self.tools_s + self.starting_s + self.acting_s + self.idle_s


NAMES = ("model_s", "tools_s", "starting_s", "acting_s", "idle_s")


def activity_of(events: Sequence[Event], whole_s: float) -> Activity:
    """The seconds of a run by what went on.

    Args:
        events: in order.
        whole_s: the run's length.
    """
    spans = [(place, *span) for place, found in enumerate(_spans(events, whole_s)) for span in found]
    edges = sorted({0.0, whole_s, *(min(max(edge, 0.0), whole_s) for _, *span in spans for edge in span)})
    position = {edge: number for number, edge in enumerate(edges)}
    # How many spans of each kind cover the time from one edge to the next, as differences.
    changes = [[0] * len(NAMES) for _ in edges]
    for place, begin, end in spans:
        begin, end = (min(max(edge, 0.0), whole_s) for edge in (begin, end))
        if begin < end:
            changes[position[begin]][place] += 1
            changes[position[end]][place] -= 1
    seconds = dict.fromkeys(NAMES, 0.0)
    covering = [0] * len(NAMES)
    for number, (begin, end) in enumerate(pairwise(edges)):
        covering = [count + change for count, change in zip(covering, changes[number], strict=True)]
        name = next((name for name, count in zip(NAMES, covering, strict=True) if count > 0), "idle_s")
        seconds[name] += end - begin
    return Activity(**seconds)


def _spans(events: Sequence[Event], whole_s: float) -> Iterable[list[tuple[float, float]]]:
    """Begin and end of everything of each kind but the last, in the order of `NAMES`."""
    turns = [_span(event) for event in events if event["kind"] == "turn"]
    yield turns
    yield [_span(event) for event in events if event["kind"] == "tool"]
    starts: list[tuple[float, float]] = []
    lives: list[tuple[float, float]] = []
    began: float | None = None
    for event in events:
        if event["kind"] == "start":
            began = event["at_s"]
        elif event["kind"] == "exit" and began is not None:
            lives.append((began, event["at_s"]))
            began = None
    if began is not None:
        lives.append((began, whole_s))
    for begin, end in lives:
        first = min((turn[0] for turn in turns if begin <= turn[0] <= end), default=end)
        starts.append((begin, first))
    yield starts
    yield lives


def _span(event: Event) -> tuple[float, float]:
    return event["at_s"] - (event.get("took_s") or 0.0), event["at_s"]
