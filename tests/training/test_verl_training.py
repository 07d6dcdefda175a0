"""A whole training on verl, killed in the middle of a step and gone on with; only server and update are stand-ins."""

import json
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from infraray.training.figures import read_figures
from infraray.training.starts import checkpoints
from infraray.trajectories.reader import Run

pytestmark = pytest.mark.filterwarnings("default")
PROMPTS, GROUP, STEPS = 2, 3, 2

TRAINING = {
    "name": "small",
    "scenarios": [{"scenario": "load_balance", "parameters": {"warmup_steps": 2}, "max_steps": 5}],
    "seeds": "100:140",
    "held_out": 2,
    "chat": {"max_tokens": 16, "memory": "last:1"},
    "steps": STEPS,
    "prompts_per_step": PROMPTS,
    "group_size": GROUP,
    "filter_groups": False,
    "max_prompt_tokens": 3000,
    "max_response_tokens": 2000,
    "learning_rate": 0.01,
    "save_every": 1,
    "step_credit": {},
    "overrides": ["actor_rollout_ref.rollout.agent.num_workers=1"],
}


def train(file: Path, out: Path, die_after: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.training.stand_in_trainer", str(file), str(out), str(die_after)]
    return subprocess.run(command, capture_output=True, text=True, timeout=600, cwd=Path(__file__).parents[2])


def collected(out: Path) -> dict[str, dict[str, Any]]:
    rows = Run(out / "rollouts").episodes().to_pylist()
    assert len({row["episode_id"] for row in rows}) == len(rows)
    return {row["episode_id"]: row for row in rows}


def test_a_killed_step_plays_only_what_it_owes(tmp_path, policy_folder):
    """Killed at the 28th of the first step's 30 answers; at the end of it all there is each rollout once."""
    file, out = tmp_path / "small.yaml", tmp_path / "out"
    file.write_text(json.dumps({**TRAINING, "model": str(policy_folder)}))
    killed = train(file, out, die_after=28)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    before = collected(out)
    assert 0 < len(before) < PROMPTS * GROUP and read_figures(out / "steps.jsonl") == []

    went_on = train(file, out, die_after=0)
    assert went_on.returncode == 0, went_on.stderr
    after = collected(out)
    assert all(after[identity] == row for identity, row in before.items())
    played = Counter(row["agent"] for row in after.values())
    assert played == {f"policy:small?version={step}&start={step}": PROMPTS * GROUP for step in range(STEPS)}
    groups = Counter(row["rollout"]["group"] for row in after.values())
    assert set(groups.values()) == {GROUP} and len(groups) == PROMPTS * STEPS

    figures = read_figures(out / "steps.jsonl")
    assert [line["step"] for line in figures] == [1, 2]
    assert all(line["rollouts"] == PROMPTS * GROUP and line["probability_difference"] < 1e-4 for line in figures)
    assert all(0 < line["shared_states"] <= 1 for line in figures), "rollouts of a group begin in the same state"
    assert figures[0]["reward"] is not None and 0 < figures[0]["generating_share"] <= 1
    assert list(checkpoints(out)) == [1, 2]
    assert "2/2" in went_on.stderr and "best: step 2; " in went_on.stderr
    assert (out / "best").resolve() == checkpoints(out)[2]

    again = train(file, out, die_after=0)
    assert again.returncode == 0 and "trained to step 2 before" in again.stderr
    assert collected(out) == after
