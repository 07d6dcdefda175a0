"""What an agent tried in a run, one after the other."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infraray.trajectories.stored_episode import StoredEpisode, read_json
from infraray.workspaces.door import Door


@dataclass(frozen=True)
class Attempt:
    """An action of the episode that could be carried out.

    Args:
        configuration: what was tried, as JSON: a launch's settings apart from the defaults where the scenario launches
            something, else the action.
        at_s: when it was over, in seconds since the run began; None if that is not known.
        failure: the class of its failure; None if it worked.
        score: as measured; None where the scenario measures only at the end.
        is_final: whether it is the one that was handed in.
    """

    configuration: str
    at_s: float | None
    failure: str | None
    score: float | None
    is_final: bool = False


def attempts_of(episode: StoredEpisode, door: type[Door]) -> list[Attempt]:
    """The attempts of an episode, in order.

    Args:
        episode: with its steps.
        door: its scenario's, which tells what a step launched.
    """
    found: list[Attempt] = []
    parameters = read_json(episode.row["parameters"])
    for index, (step, extra) in enumerate(zip(episode.steps, episode.extras, strict=True)):
        at_s, failure, submission = _over_at(episode, index), extra.get("failure"), extra.get("submission")
        if "trial" in extra:
            score = None if _is_quick(step) else extra.get("speedup")
            found.append(Attempt(_text(door.tried(extra, parameters)), at_s, failure, score))
        elif submission is None and step["valid"] and step["action_understood"] is not None:
            found.append(Attempt(step["action_understood"], at_s, failure, None))
        if submission is not None:
            # What an open-ended agent has left is what it launched last.
            tried = door.tried({"trial": submission["trial"]}, parameters)
            last = found[-1].configuration if found else _text(None)
            speedup = submission["speedup"]
            failure = None if speedup is not None else str(submission["outcome"])
            found.append(Attempt(last if tried is None else _text(tried), at_s, failure, speedup, is_final=True))
    return found


def _text(tried: Mapping[str, Any] | None) -> str:
    return json.dumps(tried, sort_keys=True)


def _is_quick(step: Mapping[str, Any]) -> bool:
    """Whether a measurement was too short to count as the best."""
    asked = read_json(step["action_understood"]).get("workspace")
    return isinstance(asked, Mapping) and bool(asked.get("quick"))


def _over_at(episode: StoredEpisode, index: int) -> float | None:
    """When the tool answered whose call was a step: the agent noted that before its next step."""
    records = episode.agent_records
    if index + 1 < len(records):
        events: Sequence[Mapping[str, Any]] = records[index + 1].get("events") or ()
        answered = [event["at_s"] for event in events if event["kind"] == "tool" and not event.get("exit_code")]
        if answered:
            return float(answered[0])
    used = (records[index].get("workspace") or {}).get("used_s")
    return None if used is None else float(used)
