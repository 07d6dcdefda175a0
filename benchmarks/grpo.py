"""What a training with GRPO reached: its curve, its times, and base against trained policy on held-out seeds.

``infraray train grpo benchmarks/grpo_load_balance.yaml`` trains, on a machine with a GPU and a policy in ``policy/``;
``python -m benchmarks.grpo runs/grpo-load-balance`` reads the figures.
"""

from __future__ import annotations

import sys
from pathlib import Path

from infraray.training.figures import FIGURES, read_figures, shown

EVERY = 10


def main(folder: Path) -> None:
    figures = read_figures(folder / "steps.jsonl")
    steps = [line for line in figures if "held_out" not in line]
    rows = [[str(line["step"]), *shown(line)] for line in steps if line["step"] % EVERY == 0 or line is steps[0]]
    for cells in (["step", *(figure.title for figure in FIGURES.values())], ["---"] * (len(FIGURES) + 1), *rows):
        print(f"| {' | '.join(cells)} |")
    for line in figures:
        if "held_out" in line:
            print(f"held out after step {line['step']}: {line['held_out']}")
    seconds = [line["step_s"] for line in steps if line["step_s"] is not None]
    shares = [line["generating_share"] for line in steps if line["generating_share"] is not None]
    print(f"{len(steps)} steps, {sum(seconds):.0f} s; generating {sum(shares) / len(shares):.0%} of a step on average")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
