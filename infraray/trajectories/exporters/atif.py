"""ATIF, the Agent Trajectory Interchange Format of Harbor: one JSON document per episode.

Source: https://github.com/harbor-framework/harbor/blob/main/rfcs/0001-trajectory-format.md.
Written as version 1.7; 1.8 adds audio, which no episode has, so that readers of either take it.

The prompt's messages are ``system`` and ``user`` steps; each decision is an ``agent`` step. The outcome
of a decision (validity, reward, safety) is in its ``extra``, since ATIF has no field for rewards. Where an
agent worked in a workspace, each of its exchanges with the model is a step.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from infraray.trajectories.exporters.conversation import (
    Exchange,
    Message,
    as_text,
    can_be_told,
    exchanges,
    has_model,
    system_message,
)
from infraray.trajectories.exporters.exporter import Exporter
from infraray.trajectories.exporters.workspace_events import has_events, scaffold_version, steps_of_workspace
from infraray.trajectories.exporters.writing import writing
from infraray.trajectories.manifest import Manifest
from infraray.trajectories.stored_episode import Span, StoredEpisode, read_json

SCHEMA_VERSION = "ATIF-v1.7"

_IN_EXTRA = (
    "episode_id",
    "run",
    "scenario",
    "scenario_label",
    "version",
    "level",
    "seed",
    "repetition",
    "status",
    "failure",
    "score",
    "floor",
    "bound",
    "normalized_score",
    "higher_is_better",
    "correct",
    "safe",
    "return",
    "attempts",
    "wall_s",
)


class Atif(Exporter):
    """Documents of Harbor's Agent Trajectory Interchange Format, ``EPISODE_ID.json`` in a folder.

    Args:
        manifest: what ``run.json`` holds.
        out: the folder; made if it is missing.

    Raises:
        InfrarayError: the folder cannot be written.
    """

    default_out = "atif"

    def __init__(self, manifest: Manifest, *, out: Path) -> None:
        super().__init__(manifest)
        self.folder = out
        self.episodes = 0
        self.steps = 0
        with writing(out):
            out.mkdir(parents=True, exist_ok=True)

    def write(self, episode: StoredEpisode) -> str | None:
        """Writes an episode; returns None, or the reason why there is nothing to write."""
        if not episode.steps:
            return "without a step"
        document = trajectory(episode, self.manifest)
        path = self.folder / f"{episode.row['episode_id']}.json"
        temporary = path.with_suffix(".tmp")
        with writing(path):
            try:
                temporary.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
                os.replace(temporary, path)
            except OSError:
                temporary.unlink(missing_ok=True)
                raise
        self.episodes += 1
        self.steps += len(document["steps"])
        return None

    def summary(self) -> str:
        """A summary of what was written, in one line."""
        return f"{self.episodes} episodes with {self.steps} ATIF steps written to {self.folder}"


def trajectory(episode: StoredEpisode, manifest: Manifest) -> dict[str, Any]:
    """An episode as an ATIF document."""
    row = episode.row
    scenario = manifest.scenarios[row["scenario_label"]]
    models = [record["model"] for record in episode.agent_records if record.get("model")]
    agent: dict[str, Any] = {"name": row["agent"], "version": manifest.infraray_version, "extra": {"by": "infraray"}}
    if models:
        agent["model_name"] = models[0]
    if (version := scaffold_version(episode)) is not None:
        agent |= {"version": version, "extra": {"by": "infraray", "infraray_version": manifest.infraray_version}}
    steps: list[dict[str, Any]] = []
    if has_events(episode):
        steps = steps_of_workspace(episode)
    elif can_be_told(episode):
        for exchange, span in zip(exchanges(episode, scenario), episode.times, strict=True):
            for message in exchange.preface:
                _add_message(steps, message, span.start, copied=True)
            for message in exchange.asked:
                _add_message(steps, message, span.start)
            steps.append(_decision(exchange, has_model(episode), span))
    else:
        steps.append({"source": "system", "message": system_message(scenario)["content"]})
        steps += [
            _decision(Exchange(index, (), (), {"content": step["action_said"]}, None, {}, step), False, span)
            for index, (step, span) in enumerate(zip(episode.steps, episode.times, strict=True))
        ]
    return {
        "schema_version": SCHEMA_VERSION,
        "session_id": row["episode_id"],
        "trajectory_id": row["episode_id"],
        "agent": agent,
        "steps": [{"step_id": number, **step} for number, step in enumerate(steps, start=1)],
        "final_metrics": _final_metrics(episode, len(steps)),
        "extra": {
            **{name: row[name] for name in _IN_EXTRA},
            "started_at": row["started_at"].isoformat(),
            "parameters": read_json(row["parameters"]),
            "options": read_json(row["options"]),
            "metrics": read_json(row["metrics"]),
        },
    }


def _add_message(steps: list[dict[str, Any]], message: Message, at: float, copied: bool = False) -> None:
    """Appends a message of a prompt; a tool's output goes to the step that called it."""
    role, content = message["role"], message["content"]
    if role == "tool" and steps and message.get("tool_call_id") in _call_ids(steps[-1]):
        result = {"source_call_id": message["tool_call_id"], "content": content}
        steps[-1].setdefault("observation", {"results": []})["results"].append(result)
        return
    step: dict[str, Any] = {"source": "user", "message": content, "timestamp": _iso(at)}
    if role in ("system", "developer"):
        step["source"] = "system"
    elif role == "assistant":
        step["source"] = "agent"
        calls = [_tool_call(call) for call in message.get("tool_calls", ())]
        if calls:
            step["tool_calls"] = calls
        if copied:
            # An example in the first prompt: nobody should train on it as if this agent had said it.
            step["is_copied_context"] = True
    steps.append(step)


def _decision(exchange: Exchange, by_model: bool, span: Span) -> dict[str, Any]:
    """The step in which the agent answers."""
    row, record = exchange.step, exchange.record
    step: dict[str, Any] = {
        "source": "agent",
        "message": exchange.answer["content"],
        "timestamp": _iso(span.end),
        "extra": {
            "index": row["index"],
            "action_said": row["action_said"],
            "action_understood": None if row["action_understood"] is None else json.loads(row["action_understood"]),
            **{name: row[name] for name in ("valid", "invalid_reason", "reward", "terminated", "truncated", "safe")},
            "latency_s": row["latency_s"],
        },
    }
    if not by_model:
        step["llm_call_count"] = 0
        return step
    if record.get("model"):
        step["model_name"] = record["model"]
    if exchange.reasoning is not None:
        step["reasoning_content"] = exchange.reasoning
    calls = [_tool_call(call) for call in exchange.answer.get("tool_calls", ())]
    if calls:
        step["tool_calls"] = calls
    if not record.get("tool_calls"):
        step["llm_call_count"] = 1
    metrics = {
        "prompt_tokens": row["input_tokens"],
        "completion_tokens": row["output_tokens"],
        "cost_usd": record.get("cost"),
        "extra": {
            name: record[name]
            for name in ("time_to_first_token_s", "latency_s", "retries", "finish_reason", "cached")
            if record.get(name) is not None
        },
    }
    step["metrics"] = {name: value for name, value in metrics.items() if value is not None and value != {}}
    return step


def _tool_call(call: Mapping[str, Any]) -> dict[str, Any]:
    function = call.get("function", call)
    arguments = function.get("arguments")
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except ValueError:
            arguments = {"text": arguments}
    return {
        "tool_call_id": as_text(call.get("id") or function["name"]),
        "function_name": function["name"],
        "arguments": arguments if isinstance(arguments, dict) else {} if arguments is None else {"value": arguments},
    }


def _final_metrics(episode: StoredEpisode, steps: int) -> dict[str, Any]:
    totals = {
        "total_prompt_tokens": episode.row["input_tokens"],
        "total_completion_tokens": episode.row["output_tokens"],
        "total_cost_usd": _total(record.get("cost") for record in episode.agent_records),
    }
    return {**{name: value for name, value in totals.items() if value is not None}, "total_steps": steps}


def _total(costs: Iterable[float | None]) -> float | None:
    known = [cost for cost in costs if cost is not None]
    return sum(known) if known else None


def _call_ids(step: Mapping[str, Any]) -> list[str]:
    return [call["tool_call_id"] for call in step.get("tool_calls", ())]


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()
