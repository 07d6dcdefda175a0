"""Which checkpoint is kept, on which seeds it is chosen and judged, and by how much it is better than the base."""

import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from infraray.errors import InfrarayError
from infraray.statistics.comparisons import Comparison
from infraray.statistics.intervals import Estimate
from infraray.training.evaluation import choose, evaluation_run, gains, keep, trial_reward
from infraray.training.grpo_file import GrpoSpec

TRAINING = {"name": "t", "model": "m", "scenarios": ["load_balance"], "seeds": "100:200", "held_out": 9, "steps": 40}


def trained(folder: Path, checkpoints: list[int], trials: dict[int, float]) -> Path:
    """A training's folder."""
    for step in checkpoints:
        weights = folder / "checkpoints" / f"global_step_{step}" / "actor" / "huggingface"
        weights.mkdir(parents=True)
        (weights / "model.safetensors").touch()
    lines = [{"step": step, "held_out": {"val-core/a/reward/mean@1": reward}} for step, reward in trials.items()]
    lines += [{"step": step, "reward": 99.0} for step in trials if step]
    (folder / "steps.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def test_the_best_checkpoint_is_that_of_the_best_trial(tmp_path):
    """The base did better, and a step whose checkpoint was lost did best."""
    folder = trained(tmp_path, [10, 20, 40], {0: 0.9, 10: 0.3, 20: 0.5, 30: 1.0, 40: 0.4})
    chosen = choose(folder)
    assert chosen[::2] == (20, 0.5)
    best = keep(folder, chosen)
    assert best.is_symlink() and best.resolve() == chosen.weights and (best / "model.safetensors").exists()
    assert keep(folder, chosen._replace(weights=chosen.weights.parents[2] / "global_step_10/actor/huggingface")) == best
    assert "global_step_10" in str(best.resolve()) and not [*folder.glob(".best*")]


def test_of_equal_checkpoints_the_first_is_kept(tmp_path):
    assert choose(trained(tmp_path, [10, 20, 30], {10: 0.1, 20: 0.4, 30: 0.4})).step == 20


@pytest.mark.parametrize("trials", [{}, {0: 0.4}, {20: math.nan}], ids=["none", "base alone", "unknown"])
def test_without_a_trial_the_latest_checkpoint_is_kept(tmp_path, trials):
    chosen = choose(trained(tmp_path, [10, 20], trials))
    assert chosen.step == 20 and math.isnan(chosen.reward)


def test_a_training_without_a_checkpoint_has_no_best(tmp_path):
    with pytest.raises(InfrarayError, match="has no checkpoint"):
        choose(trained(tmp_path, [], {10: 0.4}))


def test_a_trial_is_judged_by_the_rewards_of_its_kinds_of_tasks_alike():
    figures = {
        "val-core/a/reward/mean@1": 0.2,
        "val-core/capacity-level-1/reward/mean@1": 0.6,
        "val-aux/a/score/mean@1": 50.0,
        "val-aux/num_turns/mean": 8.0,
    }
    assert trial_reward(figures) == pytest.approx(0.4)
    assert math.isnan(trial_reward({"val-aux/a/score/mean@1": 1.0}))


def test_nothing_is_judged_by_the_tasks_by_which_it_was_chosen(tmp_path):
    chosen = GrpoSpec.parse({**TRAINING, "save_every": 10, "test_every": 20})
    assert set(chosen.trial_seeds).isdisjoint(chosen.table_seeds)
    assert sorted([*chosen.trial_seeds, *chosen.table_seeds]) == [*range(9)]
    assert list(evaluation_run(chosen, tmp_path).seeds) == [1, 3, 5, 7]
    for other in ({}, {"test_every": 10, "evaluation": None}):
        assert list(GrpoSpec.parse({**TRAINING, **other}).trial_seeds) == [*range(9)]
    assert list(evaluation_run(GrpoSpec.parse(TRAINING), tmp_path).seeds) == [*range(9)]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"test_every": 15}, "test_every=15: must be a multiple of save_every=10, .*; take 10"),
        ({"test_every": 5}, "take 10"),
        ({"test_every": 10, "held_out": 1}, "held_out: has one seed"),
    ],
)
def test_trials_that_could_choose_nothing_are_refused(fields, told):
    with pytest.raises(InfrarayError, match=told):
        GrpoSpec.parse({**TRAINING, **fields})


def test_the_gain_is_that_of_the_trained_policy_over_the_base():
    def compared(agent: str, other: str, value: float) -> Comparison:
        return Comparison(agent, other, Estimate(value, 0.1, value - 0.2, value + 0.2, 9), "better")

    base, best = "engine:base?max_tokens=8", "engine:trained?max_tokens=8"

    def scenario(label: str, *pairs: Comparison) -> Any:
        return SimpleNamespace(label=label, leaderboard=SimpleNamespace(comparisons=pairs))

    report: Any = SimpleNamespace(
        scenarios=[
            scenario("won", compared("scripted:a", base, 3.0), compared(best, base, 0.5)),
            scenario("lost", compared(base, best, 0.5), compared("scripted:trained", base, 1.0)),
            scenario("owed", compared("scripted:a", base, 3.0)),
        ]
    )
    assert [(label, pair.difference.value, pair.verdict) for label, pair in gains(report)] == [
        ("won", 0.5, "better"),
        ("lost", -0.5, "worse"),
    ]
