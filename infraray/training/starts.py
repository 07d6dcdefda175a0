"""The starts of a training, and the checkpoints between them.

A training that goes on from a checkpoint makes its next weights anew. They have the same version as those of the start
before, which may have come further before it was killed, but are others. So weights are told apart by the start that
made them, too (`infraray.training.record.Weights`).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

CHECKPOINTS = "checkpoints"
_STARTS = "starts.jsonl"


@dataclass(frozen=True)
class Start:
    """One start of a training.

    Args:
        number: the starts before it.
        version: of the weights with which it began: 0 for the base policy, else a checkpoint's step.
        made_by: the start that made those weights.
    """

    number: int
    version: int
    made_by: int


def note_start(folder: Path) -> Start:
    """Writes down a start; returns what it goes on from.

    Args:
        folder: the training's.
    """
    path = folder / _STARTS
    before = [json.loads(line)["version"] for line in path.read_text().splitlines()] if path.exists() else []
    version = latest_checkpoint(folder)
    # A start that began at this version, or later, did not make it.
    made_by = max((number for number, began in enumerate(before) if began < version), default=0)
    with path.open("a") as file:
        file.write(json.dumps({"version": version}) + "\n")
    return Start(len(before), version, made_by)


def latest_checkpoint(folder: Path) -> int:
    """The step of the latest whole checkpoint; 0 if there is none."""
    # verl writes it last, when everything else of the checkpoint is there.
    tracker = folder / CHECKPOINTS / "latest_checkpointed_iteration.txt"
    text = tracker.read_text().strip() if tracker.exists() else ""
    return int(text) if text.isdigit() else 0


def checkpoints(folder: Path) -> dict[int, Path]:
    """The folders of the checkpoints' weights, in Hugging Face's format, by step."""
    found = {}
    for path in (folder / CHECKPOINTS).glob("global_step_*/actor/huggingface"):
        step = re.fullmatch(r"global_step_(\d+)", path.parent.parent.name)
        if step is not None and any(path.glob("*.safetensors")):
            found[int(step[1])] = path
    return dict(sorted(found.items()))
