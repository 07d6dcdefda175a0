"""Makes a small language model from nothing.

    infraray run infraray/policy/lessons.yaml --out runs/lessons --export sft
    python -m infraray.policy runs/lessons/exports/sft.parquet runs/policy

The first command plays the experts, the second trains a tokenizer and a model on their conversations, on the CPU or,
where PyTorch finds one, on a GPU. FOLDER holds the model in Hugging Face's format as far as it has come, and
``made.json``, which says how it was made.
"""

# mypy: disable-error-code="import-not-found"
from __future__ import annotations

import argparse
import copy
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

try:
    import torch
    from transformers import AutoTokenizer, Qwen2ForCausalLM

    from infraray.policy.drills import drills
    from infraray.policy.lessons import windows_of
    from infraray.policy.tokenizer import make_tokenizer
    from infraray.policy.training import SIZES, make_model, train
except ModuleNotFoundError as error:
    sys.exit(f"error: {error.name} is not installed; pip install 'infraray[transformers]'")

TURNS = 4
DRILLS = 20_000
"""Conversations that teach to copy."""
READ_BY_THE_TOKENIZER = 2000
"""Conversations of which the tokenizer learns, of each task."""


def main() -> None:
    """Reads the options, trains and writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lessons", type=Path, nargs="+", help="Parquet files of `infraray export --to sft`")
    parser.add_argument("folder", type=Path, help="receives the model")
    parser.add_argument("--size", choices=SIZES, default="small")
    parser.add_argument("--passes", type=float, default=1.0, help="through the lessons")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=Path, help="a folder that this program made: goes on from its model")
    options = parser.parse_args()
    dice = random.Random(options.seed)
    torch.manual_seed(options.seed)
    size = SIZES[options.size]
    chats = [
        chat for path in options.lessons for chat in pq.read_table(path, columns=["messages"])["messages"].to_pylist()
    ]
    chats += drills(DRILLS, TURNS, dice)
    tokenizer: Any
    if options.start is None:
        tokenizer = make_tokenizer(texts(chats, dice), size.vocabulary)
        model: Any = make_model(size, tokenizer)
    else:
        tokenizer = AutoTokenizer.from_pretrained(options.start)
        model = Qwen2ForCausalLM.from_pretrained(options.start, dtype=torch.float32)

    def encode(given: list[str]) -> list[list[int]]:
        encoded: list[list[int]] = tokenizer(given, add_special_tokens=False).input_ids
        return encoded

    windows = [*windows_of(chats, encode, TURNS, dice)]
    tokens = sum(len(window.ids) for window in windows)
    tell(f"{len(chats):,} conversations, {len(windows):,} windows, {tokens:,} tokens")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    # Its kernels are planned anew for every shape, which takes longer than a step.
    torch.backends.cuda.enable_cudnn_sdp(False)
    model.to(device)
    made = {
        "size": options.size,
        "seed": options.seed,
        "conversations": len(chats),
        "tokens": tokens,
        "parameters": sum(weights.numel() for weights in model.parameters()),
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
        "commit": commit(),
        "start": options.start and json.loads((options.start / "made.json").read_text()),
    }

    def keep(passes: float) -> None:
        copy.deepcopy(model).to(torch.bfloat16).save_pretrained(options.folder)
        tokenizer.save_pretrained(options.folder)
        told = {**made, "passes": round(passes, 2)}
        (options.folder / "made.json").write_text(f"{json.dumps(told, indent=2)}\n")

    train(model, windows, size, options.passes, tell, keep, options.seed)


def texts(chats: list[list[dict[str, Any]]], dice: random.Random) -> list[str]:
    """What the tokenizer learns from: every task once, and turns of all of them alike."""
    by_task: dict[str, list[str]] = {}
    for task, *said in chats:
        by_task.setdefault(task["content"], []).extend(message["content"] for message in said)
    return [
        text
        for task, said in by_task.items()
        for text in (task, *dice.sample(said, min(READ_BY_THE_TOKENIZER, len(said))))
    ]


def commit() -> str | None:
    """The commit of this code; None outside of a checkout."""
    asked = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    told = subprocess.run(asked, capture_output=True, text=True, check=False)
    return told.stdout.strip() or None


def tell(line: str) -> None:
    """Prints a line at once."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
