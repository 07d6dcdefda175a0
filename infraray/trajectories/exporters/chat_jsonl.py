"""Chat JSONL: one line an episode, in the chat format of Hugging Face, for supervised fine-tuning.

``{"messages": [{"role": ..., "content": ...}, ...], "metadata": {...}}``, and ``"tools"`` where the
agent recorded the tools it was given. Opens with ``datasets.load_dataset("json", data_files=...)``;
trainers such as TRL's `SFTTrainer` take it as it is.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from infraray.trajectories.exporters.conversation import Message, can_be_told, exchanges, without_complaint
from infraray.trajectories.exporters.stored import StoredEpisode
from infraray.trajectories.exporters.targets import writing

METADATA = (
    "episode_id",
    "run",
    "scenario",
    "scenario_label",
    "version",
    "parameters",
    "level",
    "seed",
    "agent",
    "repetition",
    "status",
    "score",
    "floor",
    "bound",
    "normalized_score",
    "higher_is_better",
    "correct",
    "safe",
    "steps",
    "return",
    "metrics",
)
"""Columns of the episode that go into ``metadata``, always all of them: readers infer one type for all lines."""


class ChatJsonl:
    """Writes episodes to a JSONL file, which appears when it is whole.

    Args:
        path: the file.
        scenarios: the part of ``run.json`` with that name.
        valid_only: leaves out the steps whose action was not valid, question and answer, and the
            environment's complaint about them.

    Raises:
        InfrarayError: the file cannot be written.
    """

    def __init__(self, path: Path, scenarios: Mapping[str, Any], valid_only: bool = False) -> None:
        self.path = path
        self.scenarios = scenarios
        self.valid_only = valid_only
        self.episodes = 0
        self.steps = 0
        self.left_out_steps = 0
        self._temporary = path.with_name(f"{path.name}.tmp")
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._temporary.open("w", encoding="utf-8")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            with writing(self.path):
                self._file.close()
                if error is None:
                    os.replace(self._temporary, self.path)
        finally:
            self._temporary.unlink(missing_ok=True)

    def write(self, episode: StoredEpisode) -> str | None:
        """Writes an episode; returns None, or why there is nothing of it to write."""
        if not episode.steps:
            return "without a step"
        if not can_be_told(episode):
            return "without text (text: false)"
        scenario = self.scenarios[episode.row["scenario_label"]]
        messages, kept = self._messages(episode, scenario)
        if not kept:
            return "without a valid step"
        line: dict[str, Any] = {"messages": messages}
        tools = next((record["tools"] for record in episode.agent_records if record.get("tools")), None)
        if tools is not None:
            line["tools"] = tools
        metadata = {name: episode.row[name] for name in METADATA}
        line["metadata"] = {**metadata, "left_out_steps": len(episode.steps) - kept}
        with writing(self.path):
            self._file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
        self.episodes += 1
        self.steps += kept
        self.left_out_steps += len(episode.steps) - kept
        return None

    def summary(self) -> str:
        """What was written, in one line."""
        left_out = f", {self.left_out_steps} invalid steps left out" if self.valid_only else ""
        return f"{self.episodes} episodes with {self.steps} steps written to {self.path}{left_out}"

    def _messages(self, episode: StoredEpisode, scenario: Mapping[str, Any]) -> tuple[list[Message], int]:
        """The conversation, and how many steps are in it."""
        messages: list[Message] = []
        kept = 0
        complained = False
        for exchange in exchanges(episode, scenario):
            asked = without_complaint(exchange.asked) if complained else exchange.asked
            if self.valid_only and not exchange.step["valid"]:
                if exchange.index == 0:
                    # The system's message and the examples stand before the first question.
                    messages += asked[: _start_of_question(asked)]
                complained = True
                continue
            messages += [*asked, exchange.answer]
            kept += 1
            complained = False
        return messages, kept


def _start_of_question(asked: tuple[Message, ...]) -> int:
    """Where the last user message stands."""
    return max((position for position, message in enumerate(asked) if message["role"] == "user"), default=0)
