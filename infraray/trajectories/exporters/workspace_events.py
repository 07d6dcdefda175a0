"""The record of a run in a workspace as steps of ATIF.

An agent in a workspace works between the episode's actions, and its record tells how: exchanges with its model,
commands, tools, starts of its scaffold. Each exchange is an ``agent`` step; what is new in the next prompt becomes its
observation where it is a tool's output, and a step of its own otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from infraray.trajectories.stored_episode import StoredEpisode

Step = dict[str, Any]


def has_events(episode: StoredEpisode) -> bool:
    """Whether an episode was played in a workspace."""
    return any("events" in record for record in episode.agent_records)


def scaffold_version(episode: StoredEpisode) -> str | None:
    """The version of the program that worked in the workspace, if it is known."""
    found = ((record.get("workspace") or {}).get("version") for record in episode.agent_records)
    return next((version for version in found if version is not None), None)


def steps_of_workspace(episode: StoredEpisode) -> list[Step]:
    """The steps of an episode that `has_events`, in order, without their numbers."""
    teller = _Teller(episode.row["started_at"].timestamp())
    for row, record in zip(episode.steps, episode.agent_records, strict=True):
        for event in record.get("events") or ():
            teller.tell(event)
        teller.act(row)
    return teller.steps


class _Teller:
    """Gathers steps.

    Args:
        began: when the run began, in seconds since the epoch.
    """

    def __init__(self, began: float) -> None:
        self.steps: list[Step] = []
        self._began = began
        self._agent: Step | None = None
        """The last answer of the model."""
        self._waiting: list[str] = []
        """Its calls whose output has not come yet."""

    def tell(self, event: Mapping[str, Any]) -> None:
        """Adds what an event says."""
        kind = event["kind"]
        if kind == "turn" and not event["is_side"]:
            self._turn(event)
        elif kind == "start":
            self._system(event, f"start {event['number']} of the agent", argv=event["argv"])
        elif kind == "exit":
            how = f"with exit code {event['code']}" if event["failure"] is None else event["failure"]
            self._system(event, f"the agent ended: {how}", errors=event["errors"])
        elif kind == "limit":
            self._system(event, f"the agent's processes reached the limit: {event['limit']}")
        elif kind == "trouble":
            self._system(event, event["text"])
        elif kind in ("shell", "tool"):
            facts = {name: value for name, value in event.items() if name not in ("kind", "output")}
            self._last_extra().setdefault(kind, []).append(facts)

    def act(self, row: Mapping[str, Any]) -> None:
        """Adds an action of the episode to the step that led to it."""
        facts = {name: row[name] for name in ("index", "action_said", "valid", "invalid_reason", "reward", "safe")}
        self._last_extra().setdefault("actions", []).append(facts)

    def _turn(self, event: Mapping[str, Any]) -> None:
        began = event["at_s"] - event["took_s"]
        for message in event["asked"]:
            if message["role"] == "tool" and self._agent is not None and self._waiting:
                result = {"source_call_id": self._waiting.pop(0), "content": message["content"]}
                self._agent.setdefault("observation", {"results": []})["results"].append(result)
                continue
            source = {"system": "system", "developer": "system", "assistant": "agent"}.get(message["role"], "user")
            step = self._add(source, message["content"], began)
            if source == "agent":
                # The scaffold puts words into the model's mouth, such as a summary of what was forgotten.
                step["is_copied_context"] = True
        if event["status"] != 200:
            reason = event["error"] or "no answer"
            self._system(event, f"the model's server refused a request with status {event['status']}: {reason}")
            return
        step = self._agent = self._add("agent", event["said"], event["at_s"])
        if event["reasoning"]:
            step["reasoning_content"] = event["reasoning"]
        calls = [
            {
                "tool_call_id": f"call_{len(self.steps)}_{number}",
                "function_name": call["name"],
                "arguments": _arguments(call["arguments"]),
            }
            for number, call in enumerate(event["calls"])
        ]
        if calls:
            step["tool_calls"] = calls
        self._waiting = [call["tool_call_id"] for call in calls]
        counts = {"prompt_tokens": event["input_tokens"], "completion_tokens": event["output_tokens"]}
        about = {name: event[name] for name in ("first_s", "took_s", "retries", "ended", "error") if event[name]}
        metrics = {**counts, "extra": about}
        step["metrics"] = {name: value for name, value in metrics.items() if value is not None and value != {}}
        step["llm_call_count"] = 1

    def _system(self, event: Mapping[str, Any], message: str, **extra: Any) -> None:
        step = self._add("system", message, event["at_s"])
        if told := {name: value for name, value in extra.items() if value}:
            step["extra"] = told

    def _add(self, source: str, message: str, at_s: float) -> Step:
        timestamp = datetime.fromtimestamp(self._began + at_s, UTC).isoformat()
        step: Step = {"source": source, "message": message, "timestamp": timestamp}
        self.steps.append(step)
        return step

    def _last_extra(self) -> dict[str, Any]:
        """Where facts that follow from the model's last answer go; before the first, to the last step."""
        step = self._agent or (self.steps[-1] if self.steps else self._add("system", "the run begins", 0.0))
        extra: dict[str, Any] = step.setdefault("extra", {})
        return extra


def _arguments(text: str) -> dict[str, Any]:
    """A call's arguments, which ATIF wants as an object."""
    try:
        found = json.loads(text)
    except ValueError:
        return {"text": text}
    return found if isinstance(found, dict) else {"value": found}
