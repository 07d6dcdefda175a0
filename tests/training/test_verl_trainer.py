"""What is added around verl's trainer: a stop where probabilities differ, updates by episodes, empty groups."""

from types import SimpleNamespace
from typing import Any

import pytest

from infraray.errors import InfrarayError
from infraray.training.grpo_file import StepCreditSection
from infraray.training.verl_trainer import DIFFERENCE, Watched, added_advantages

pytestmark = pytest.mark.filterwarnings("default")


class Fake:
    """What `Watched` is mixed with."""

    global_steps = 4
    found = 0.0

    def _compute_old_log_prob(self, batch: Any, metrics: dict[str, Any]) -> Any:
        metrics[DIFFERENCE] = self.found
        return batch

    def _balance_batch(self, batch: Any, metrics: dict[str, Any]) -> Any:
        return self.config.actor_rollout_ref.actor.ppo_mini_batch_size

    parameter_sync_step = 1


class WatchedFake(Watched, Fake):
    max_difference = 0.02


@pytest.mark.parametrize(("difference", "stops"), [(0.0, False), (0.02, False), (0.03, True), (float("nan"), True)])
def test_a_step_with_other_probabilities_is_not_learnt_from(difference, stops):
    trainer = WatchedFake()
    trainer.found = difference
    if not stops:
        assert trainer._compute_old_log_prob("batch", {}) == "batch"
        return
    with pytest.raises(
        InfrarayError, match=r"max_probability_difference=0\.02: engine and trainer differ by .* at step 4"
    ):
        trainer._compute_old_log_prob("batch", {})


@pytest.mark.parametrize(("oldest", "stops"), [(3, True), (0, False)])
def test_probabilities_may_differ_while_a_run_of_the_base_policy_is_trained_from(oldest, stops):
    """Fresh rollouts of step 4 are those of version 3."""
    trainer = WatchedFake()
    trainer.takes_recorded = True
    trainer.found = 0.5
    batch = SimpleNamespace(tags=[{"min_global_steps": 3}, {"min_global_steps": oldest}])
    if not stops:
        assert trainer._compute_old_log_prob(batch, {}) is batch
        return
    with pytest.raises(InfrarayError, match="engine and trainer differ"):
        trainer._compute_old_log_prob(batch, {})


@pytest.mark.parametrize(("rows", "prompts"), [(10, 4), (24, 4), (25, 8), (240, 40)])
def test_an_update_is_made_of_as_many_episodes_however_many_rows_they_have(rows, prompts):
    """Trap: verl counts rows; memory that forgets would turn one update into many."""
    from omegaconf import OmegaConf

    trainer = WatchedFake()
    actor, rollout = {"ppo_mini_batch_size": 4}, {"n": 6}
    trainer.config = OmegaConf.create(
        {"actor_rollout_ref": {"actor": actor, "rollout": rollout}, "data": {"train_batch_size": 4}}
    )
    for _ in range(2):
        assert trainer._balance_batch(range(rows), {}) == prompts


def test_a_group_that_lost_all_its_rollouts_has_failed_and_stops_nothing(monkeypatch):
    """Trap: verl takes it for finished, looks for its figures, and stops the training."""
    import verl.trainer.ppo.v1.replay_buffer as replay_buffer

    tags = {
        "train": {
            "full": {"is_prompt": True, "status": "finished", "global_steps": 1},
            "empty": {"is_prompt": True, "status": "finished", "global_steps": 1},
            "full_0_0": {"status": "success"},
        }
    }
    monkeypatch.setattr(replay_buffer.tq, "kv_list", lambda *_: tags)

    class Base:
        def _build_replay_buffer(self) -> Any:
            return replay_buffer.ReplayBuffer("sync", {}, 8, "drop", {}, refill_fn=len, filter_groups_metric="steps")

    class Trainer(Watched, Base):
        pass

    buffer = Trainer()._build_replay_buffer()
    buffer._sync_metadata_from_transfer_queue()
    assert buffer.finished_keys["train"] == {"full"} and buffer.failure_keys["train"] == {"empty"}
    plain = Base()._build_replay_buffer()
    plain._sync_metadata_from_transfer_queue()
    with pytest.raises(RuntimeError, match="Finished groups are missing"):
        monkeypatch.setattr(replay_buffer.tq, "kv_batch_get", lambda **_: {"extra_fields": [{}]})
        plain._dapo_filtered_keys("train")


def row(states: str, rewards: list[float], token_steps: list[int]) -> dict[str, Any]:
    return {"states": [*states], "step_rewards": rewards, "token_steps": token_steps}


def test_step_wise_credit_goes_to_the_tokens_of_the_step():
    """Two groups, of which one has an episode in two rows; verl has filled the batch with a copy of the first row."""
    keys = ["one_0_0", "one_0_1", "one_1_0", "two_0_0", "pad_0_0"]
    rows = [
        row("ab", [0.0, 2.0], [0, 0, -1]),
        row("ab", [0.0, 2.0], [-1, 1, 2]),  # the answer to a third step was cut off
        row("ac", [0.0, 0.0], [0, -1, 1]),
        row("ab", [0.0, 9.0], [0, 1]),
        row("ab", [0.0, 2.0], [0]),
    ]
    tags: list[dict[str, Any]] = [{}, {}, {}, {}, {"is_padding": True}]
    added, shared = added_advantages(keys, tags, rows, StepCreditSection(weight=0.5, discount=1.0), by_deviation=False)
    assert added == [[0.5, 0.5, 0.0], [0.0, 0.0, 0.0], [-0.5, 0.0, 0.0], [0.0, 0.0], None]
    assert shared == 2 / 6


def test_trials_have_their_rewards_where_the_best_checkpoint_is_looked_for():
    from verl.trainer.ppo.v1.trainer_base import PPOTrainer

    from infraray.training.evaluation import trial_reward

    told = {"reward": [1.0, 0.0, 0.5], "score": [7.0, 7.0, 7.0], "correct": [1.0, None, 0.0]}
    figures = PPOTrainer._val_metrics_update(None, ["a", "a", "b-level-1"], ["1", "2", "3"], told, [2, 2, 2])
    assert trial_reward(figures) == 0.5
