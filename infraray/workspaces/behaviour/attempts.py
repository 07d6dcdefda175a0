"""What an agent tried in a run, one after the other."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infraray.trajectories.stored_episode import StoredEpisode


@dataclass(frozen=True)
class Attempt:
    """An action of the episode that could be carried out.

    Args:
        configuration: what was tried: a launch's settings where the scenario launches something, else the action.
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


def attempts_of(episode: StoredEpisode) -> list[Attempt]:
    """The attempts of an episode, in order."""
    found: list[Attempt] = []
    for index, (step, extra) in enumerate(zip(episode.steps, episode.extras, strict=True)):
        at_s = _over_at(episode, index)
        submission = extra.get("submission")
        if "trial" in extra:
            trial, score = extra["trial"], extra.get("speedup")
            found.append(Attempt(_text(trial.get("configuration")), at_s, extra.get("failure"), score))
        elif submission is None and step["valid"] and step["action_understood"] is not None:
            found.append(Attempt(step["action_understood"], at_s, extra.get("failure"), None))
        if submission is not None:
            configuration = _text(submission["trial"].get("configuration"))
            worked = submission["speedup"] is not None
            failure = None if worked else str(submission["outcome"])
            found.append(Attempt(configuration, at_s, failure, submission["speedup"], is_final=True))
    return found


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


def _text(configuration: Any) -> str:
    return json.dumps(configuration, sort_keys=True)
