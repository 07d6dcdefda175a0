"""Chats for supervised fine-tuning, one per episode, in the format of Hugging Face, as JSONL or Parquet.

``{"messages": [{"role": ..., "content": ...}, ...], "metadata": {...}}``, and ``"tools"`` (JSON text) where the
agent recorded the tools it was given. TRL's `SFTTrainer` and verl's SFT dataset read the column ``messages``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infraray.trajectories.exporters.chat_files import ChatFile
from infraray.trajectories.exporters.conversation import Message, can_be_told, exchanges, without_complaint
from infraray.trajectories.exporters.exporter import Exporter
from infraray.trajectories.exporters.metadata import METADATA
from infraray.trajectories.manifest import Manifest, PlannedScenario
from infraray.trajectories.stored_episode import StoredEpisode


class Chat(Exporter):
    """Chats for supervised fine-tuning, in a file that appears when it is whole.

    Args:
        manifest: what ``run.json`` holds.
        out: the file; JSONL, or Parquet if its name ends in ``.parquet``.
        valid_only: leaves out the steps whose action was not valid, question and answer, and the
            environment's complaint about them.

    Raises:
        InfrarayError: the file cannot be written.
    """

    default_out = "chat.jsonl"

    def __init__(self, manifest: Manifest, *, out: Path, valid_only: bool = False) -> None:
        super().__init__(manifest)
        self.valid_only = valid_only
        self.episodes = 0
        self.steps = 0
        self.left_out_steps = 0
        self._file = ChatFile(out, (*METADATA, "left_out_steps"))

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._file.close(keep=error is None)

    def write(self, episode: StoredEpisode) -> str | None:
        """Writes an episode; returns None, or why there is nothing of it to write."""
        if not episode.steps:
            return "without a step"
        if not can_be_told(episode):
            return "without text (text: false)"
        scenario = self.manifest.scenarios[episode.row["scenario_label"]]
        messages, kept = self._messages(episode, scenario)
        if not kept:
            return "without a valid step"
        line: dict[str, Any] = {"messages": messages}
        tools = next((record["tools"] for record in episode.agent_records if record.get("tools")), None)
        if tools is not None:
            # No two tools have the same fields, which a typed column could not hold.
            line["tools"] = json.dumps(tools, ensure_ascii=False)
        metadata = {name: episode.row[name] for name in METADATA}
        line["metadata"] = {**metadata, "left_out_steps": len(episode.steps) - kept}
        self._file.write(line)
        self.episodes += 1
        self.steps += kept
        self.left_out_steps += len(episode.steps) - kept
        return None

    def summary(self) -> str:
        """What was written, in one line."""
        left_out = f", {self.left_out_steps} invalid steps left out" if self.valid_only else ""
        return f"{self.episodes} episodes with {self.steps} steps written to {self._file.path}{left_out}"

    def _messages(self, episode: StoredEpisode, scenario: PlannedScenario) -> tuple[list[Message], int]:
        """The conversation, and how many steps are in it."""
        messages: list[Message] = []
        kept = 0
        left_out: Mapping[str, Any] | None = None
        for exchange in exchanges(episode, scenario):
            messages += exchange.preface
            asked = exchange.asked
            if left_out is not None:
                asked = without_complaint(asked, left_out["invalid_reason"])
            if self.valid_only and not exchange.step["valid"]:
                left_out = exchange.step
                continue
            messages += [*asked, exchange.answer]
            kept += 1
            left_out = None
        return messages, kept
