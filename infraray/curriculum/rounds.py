"""The journal of a probe: what it asks, then who was given which rounds.

All rounds that follow from the same episodes are one event: a probe that is killed has drawn all of them, or none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from infraray.curriculum.probing import Round
from infraray.curriculum.regions import Region
from infraray.curriculum.tasks import DrawnTask
from infraray.trajectories.journal import Event

ENDED: Event = {"ended": True}
"""The last event of a probe: nobody has a further round."""


def asked(identity: Mapping[str, Any]) -> Event:
    """The first event: what makes it this probe."""
    return {"asked": dict(identity)}


def drawn(agent: str, rounds: Sequence[Round]) -> Event:
    """The rounds that were drawn for an agent."""
    return {"agent": agent, "rounds": [_written(one) for one in rounds]}


def read_rounds(events: Iterable[Event], agents: Sequence[str]) -> dict[str, list[Round]]:
    """The rounds of each agent, in order; those of other agents are left out."""
    rounds: dict[str, list[Round]] = {agent: [] for agent in agents}
    for event in events:
        if event.get("agent") in rounds:
            rounds[event["agent"]] += map(_read, event["rounds"])
    return rounds


def _written(drawn: Round) -> dict[str, Any]:
    region = None if drawn.region is None else drawn.region.to_json()
    return {"phase": drawn.phase, "region": region, "tasks": [task.to_json() for task in drawn.tasks]}


def _read(data: Mapping[str, Any]) -> Round:
    region = None if data["region"] is None else Region.from_json(data["region"])
    return Round(data["phase"], tuple(DrawnTask.from_json(task) for task in data["tasks"]), region)
