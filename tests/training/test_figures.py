"""The figures of a training's steps survive a crash, and say nothing where nothing is defined."""

import math

from infraray.training.figures import FIGURES, read_figures, shown, step_figures

VERL = {"training/global_step": 3, "timing_s/step": 10.0, "timing_s/gen": 7.0, "actor/entropy": 1.25}


def test_means_leave_out_what_a_scenario_does_not_define():
    rollouts = [
        {"correct": 1.0, "safe": math.nan, "steps": 4.0, "normalized_score": 0.5},
        {"correct": 0.0, "safe": math.nan, "steps": 8.0, "normalized_score": math.nan},
    ]
    for rollout in rollouts:
        rollout.update(invalid_actions=0.0, unsafe_steps=0.0, environment_failures=0.0)
    found = step_figures(VERL, rollouts)
    assert (found["step"], found["rollouts"], found["correct"], found["safe"]) == (3, 2, 0.5, None)
    assert (found["normalized_score"], found["steps"], found["generating_share"]) == (0.5, 6.0, 0.7)
    cells = dict(zip(FIGURES, shown(found), strict=True))
    assert cells["correct"] == "50%" and cells["safe"] == cells["kl"] == "" and cells["generating_share"] == "70%"


def test_a_step_that_was_made_again_counts_once_and_a_torn_line_not_at_all(tmp_path):
    path = tmp_path / "steps.jsonl"
    assert read_figures(path) == []
    lines = [
        '{"step": 1, "reward": 0.1}',
        '{"step": 2, "reward": 0.2}',
        '{"step": 1, "reward": 0.3}',
        '{"step": 3, "re',
    ]
    path.write_text("\n".join(lines))
    assert read_figures(path) == [{"step": 1, "reward": 0.3}, {"step": 2, "reward": 0.2}]
