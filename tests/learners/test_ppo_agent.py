"""The example trains, and what it has learned plays on the leaderboard."""

import subprocess
import sys
from pathlib import Path

import pytest

from infraray.launch import run
from infraray.trajectories.reader import Run

SCRIPT = Path(__file__).parents[2] / "examples" / "ppo_agent.py"
SEEDS = 5


def train(policy: Path, steps: int) -> None:
    asked = [str(SCRIPT), "--steps", str(steps), "--policy", str(policy)]
    subprocess.run([sys.executable, "-W", "ignore", *asked], check=True, stdout=subprocess.DEVNULL)


@pytest.mark.filterwarnings("default")
def test_trained_agent_beats_chance_and_plays_again_when_it_is_trained_again(ray_session: None, tmp_path: Path) -> None:
    policy = tmp_path / "ppo.zip"
    trained = f"python:{SCRIPT}:Trained?policy={policy}"
    asked = {
        "name": "learned",
        "seeds": SEEDS,
        "scenarios": [{"scenario": "load_balance", "agents": [trained, "scripted:round_robin", "scripted:random"]}],
    }
    train(policy, 30_000)
    assert run(asked, tmp_path / "run", quiet=True).finished == 3 * SEEDS
    scores = {agent: 0.0 for agent in asked["scenarios"][0]["agents"]}
    for row in Run(tmp_path / "run").episodes().to_pylist():
        scores[row["agent"]] += row["score"] / SEEDS
    assert min(scores, key=scores.__getitem__) == trained, scores
    assert run(asked, tmp_path / "run", quiet=True).finished == 0
    train(policy, 2_048)
    assert run(asked, tmp_path / "run", quiet=True).finished == SEEDS
