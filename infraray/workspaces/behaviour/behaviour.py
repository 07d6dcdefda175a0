"""How an agent worked in one episode."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from infraray.trajectories.stored_episode import StoredEpisode
from infraray.workspaces.behaviour.activity import Activity, Event, activity_of
from infraray.workspaces.behaviour.attempts import Attempt, attempts_of
from infraray.workspaces.door import Door


@dataclass(frozen=True)
class Behaviour:
    """One episode's figures. Times are seconds since the run began; NaN is unknown.

    Args:
        scenario: the run's label of the scenario.
        agent: its spec.
        seed: of the task.
        repetition: of the agent on the task.
        score: what is left in the end.
        best_seen: the best of what was measured, on the way or at the end; the score where nothing is.
        attempts: what was tried, see `Attempt`.
        configurations: how many of them differ.
        unchanged: how many repeat the one before: a relaunch of the same.
        first_working_s: when the first attempt that worked was over.
        best_s: when the best was.
        whole_s: the run's length.
        activity: what the time went into.
        turns: exchanges with the model that were turns of the agent.
        commands: commands that it ran in its shell.
        starts: starts of its scaffold.
        early_stops: those that it ended by itself, well, before its time.
        tokens: both ways, side calls included; NaN without a count.
        side_tokens: those of side calls.
        cost: in the price table's currency; NaN without prices.
        named: techniques that it spoke of.
        used: techniques that an attempt had.
        failures: starts of the scaffold that failed, by class, and attempts that did.
        ended: why it stopped working.
    """

    scenario: str
    agent: str
    seed: int
    repetition: int
    score: float
    best_seen: float
    attempts: int
    configurations: int
    unchanged: int
    first_working_s: float
    best_s: float
    whole_s: float
    activity: Activity
    turns: int
    commands: int
    starts: int
    early_stops: int
    tokens: float
    side_tokens: int
    cost: float
    named: frozenset[str]
    used: frozenset[str]
    failures: Counter[str]
    ended: str

    @property
    def kept(self) -> float:
        """The share of the best that was kept to the end; NaN where no best is known."""
        return self.score / self.best_seen if self.best_seen > 0 else math.nan


def behaviour_of(episode: StoredEpisode, door: type[Door]) -> Behaviour | None:
    """The figures of an episode; None if it was not played in a workspace.

    Args:
        episode: with its steps.
        door: its scenario's.
    """
    records = [record for record in episode.agent_records if "workspace" in record]
    if not records:
        return None
    events = [event for record in records for event in record.get("events") or ()]
    row, summary = episode.row, records[-1]["workspace"]
    attempts, techniques = attempts_of(episode, door), door.techniques
    best = _best(attempts, row["higher_is_better"])
    score = math.nan if row["score"] is None else float(row["score"])
    working = [attempt.at_s for attempt in attempts if attempt.failure is None and attempt.at_s is not None]
    whole_s = float(summary.get("used_s") or 0.0)
    counted = [row[name] for name in ("input_tokens", "output_tokens") if row[name] is not None]
    costs = [record["cost"] for record in records if record.get("cost") is not None]
    return Behaviour(
        scenario=row["scenario_label"],
        agent=row["agent"],
        seed=row["seed"],
        repetition=row["repetition"],
        score=score,
        best_seen=score if best is None or best.score is None else best.score,
        attempts=len(attempts),
        configurations=len({attempt.configuration for attempt in attempts}),
        unchanged=_unchanged(attempts),
        first_working_s=min(working, default=math.nan),
        best_s=math.nan if best is None or best.at_s is None else best.at_s,
        whole_s=whole_s,
        activity=activity_of(events, whole_s),
        turns=sum(event["kind"] == "turn" and not event["is_side"] for event in events),
        commands=sum(event["kind"] == "shell" for event in events),
        starts=summary.get("starts") or 0,
        early_stops=sum(event["kind"] == "exit" and event["failure"] is None for event in events),
        tokens=sum(counted) if counted else math.nan,
        side_tokens=summary.get("side_tokens") or 0,
        cost=sum(costs) if costs else math.nan,
        named=_found({name: one.named for name, one in techniques.items()}, _words(events)),
        used=_found({name: one.used for name, one in techniques.items()}, (one.configuration for one in attempts)),
        failures=Counter(summary.get("failures") or {})
        + Counter(f"attempt_{attempt.failure}" for attempt in attempts if attempt.failure is not None),
        ended=str(summary.get("ended") or "over"),
    )


def _best(attempts: list[Attempt], higher_is_better: bool) -> Attempt | None:
    """The first of the best attempts that were measured on the way or at the end."""
    measured = [attempt for attempt in attempts if attempt.score is not None and attempt.failure is None]
    sign = 1.0 if higher_is_better else -1.0
    return max(measured, key=lambda attempt: sign * (attempt.score or 0.0), default=None)


def _unchanged(attempts: list[Attempt]) -> int:
    pairs = pairwise(attempts)
    return sum(after.configuration == before.configuration for before, after in pairs)


def _words(events: list[Event]) -> Iterator[str]:
    """Everything that the agent's model said, its calls of tools included."""
    for event in events:
        if event["kind"] == "turn":
            yield from (event.get("said") or "", event.get("reasoning") or "")
            yield from (str(call.get("arguments")) for call in event.get("calls") or ())


def _found(patterns: Mapping[str, str], texts: Iterator[str]) -> frozenset[str]:
    missing = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in patterns.items()}
    found: set[str] = set()
    for text in texts:
        new = {name for name, pattern in missing.items() if pattern.search(text)}
        found |= new
        missing = {name: pattern for name, pattern in missing.items() if name not in new}
    return frozenset(found)
