"""Stored episodes of agents in a workspace, made by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from infraray.trajectories.stored_episode import StoredEpisode

Event = dict[str, Any]


def turn(at_s: float, took_s: float, said: str = "", command: str | None = None, **facts: Any) -> Event:
    """An exchange with the model that ended at a time."""
    calls = [] if command is None else [{"name": "bash", "arguments": json.dumps({"command": command})}]
    event = {
        **{"kind": "turn", "at_s": at_s, "took_s": took_s, "dialect": "messages", "is_side": False, "status": 200},
        **{"asked": [], "said": said, "reasoning": "", "calls": calls, "input_tokens": 10, "output_tokens": 2},
        **{"ended": "end_turn", "error": None, "retries": 0, "first_s": None},
    }
    return {**event, **facts}


def tool(at_s: float, took_s: float, name: str = "evaluate", exit_code: int = 0) -> Event:
    """A call of a workspace's tool."""
    facts = {"name": name, "arguments": [], "output": "ok", "exit_code": exit_code}
    return {"kind": "tool", "at_s": at_s, "took_s": took_s, **facts}


def shell(at_s: float, command: str) -> Event:
    """A command of the agent's."""
    return {"kind": "shell", "at_s": at_s, "command": command, "output": "", "exit_code": 0}


def start(at_s: float, number: int = 1) -> Event:
    """A start of the scaffold."""
    return {"kind": "start", "at_s": at_s, "argv": ["agent"], "number": number}


def exit_(at_s: float, failure: str | None = None) -> Event:
    """Its end."""
    code = 0 if failure is None else 1
    return {"kind": "exit", "at_s": at_s, "code": code, "failure": failure, "errors": ""}


def step(
    action: str, used_s: float, events: Sequence[Event], *, ended: str | None = None, **facts: Any
) -> dict[str, Any]:
    """A step of an episode, whose agent has used so many seconds when it asks for the action.

    Args:
        action: as JSON.
        used_s: likewise.
        events: those since the step before.
        ended: why the agent works no more.
        facts: of the environment.
    """
    summary = {"ended": ended, "starts": 1, "failures": {}, "side_tokens": 3, "used_s": used_s}
    summary |= facts.pop("summary", {})
    agent = {"events": list(events), "workspace": summary, "model": "m", "cost": 0.5}
    row = {
        **{"text_observation": "state", "numeric_observation": None, "action_said": action, "valid": True},
        **{"action_understood": action, "invalid_reason": None, "reward": 0.0, "terminated": False, "truncated": False},
        **{"safe": None, "latency_s": 1.0, "input_tokens": 10, "output_tokens": 2},
    }
    return {**row, "extra": json.dumps({**facts, "agent": agent})}


def trial(configuration: Mapping[str, Any], speedup: float | None, failure: str | None = None) -> dict[str, Any]:
    """The facts of a step that launched and measured something."""
    measured = {"trial": {"configuration": dict(configuration)}, "speedup": speedup}
    return measured if failure is None else {**measured, "failure": failure}


def submission(configuration: Mapping[str, Any], speedup: float | None, outcome: str = "passed") -> dict[str, Any]:
    """The facts of a step that hands something in."""
    return {
        "submission": {"trial": {"configuration": dict(configuration)}, "speedup": speedup, "outcome": outcome},
    }


def episode(steps: Sequence[Mapping[str, Any]], **row: Any) -> StoredEpisode:
    """An episode of these steps."""
    whole = {
        **{"episode_id": "e" * 32, "run": "r", "scenario": "inference", "scenario_label": "inference", "version": 1},
        **{"parameters": "{}", "options": "{}", "level": 0, "seed": 0, "agent": "cli:codex", "repetition": 0},
        **{"status": "finished", "score": 2.0, "floor": 1.0, "bound": None, "normalized_score": None},
        **{"higher_is_better": True, "correct": True, "safe": None, "steps": len(steps), "return": 1.0},
        **{"metrics": "{}", "attempts": 1, "started_at": datetime(2026, 1, 1, tzinfo=UTC), "wall_s": 100.0},
        **{"input_tokens": 100, "output_tokens": 20, "failure": None, "extra": None},
    }
    indexed = [{**one, "index": index, "episode_id": whole["episode_id"]} for index, one in enumerate(steps)]
    return StoredEpisode({**whole, **row}, indexed)
