"""verl's silent traps for episodes in several rows: each is shown in verl's own code, and how we keep out of it."""

import pytest
import torch
from verl.trainer.ppo.core_algos import agg_loss

from infraray.training.sequences import Lengths, TokenTurn, row_weights, sequences_of
from tests.training.verl_side import SAID, StandIn, Trainer

pytestmark = pytest.mark.filterwarnings("default")
FORGETTING = {"max_tokens": 24, "memory": "last:1"}


def unequal(episode: int) -> list[str]:
    """Rollouts of one group that earn differently."""
    return [SAID] if episode % 2 else ["no idea"]


def test_one_advantage_reaches_all_rows_of_an_episode(trainer: Trainer, policy_folder):
    """Trap: the advantage is read at the last row's first generated token."""
    trainer.step(FORGETTING, StandIn(policy_folder, unequal), n=2)
    advantages = trainer.advantages()
    by_session: dict[str, set[float]] = {}
    for key, found in advantages.items():
        own = trainer.rows[key]["response_mask"].bool()
        values = set(found[: len(own)][own].tolist())
        assert found[: len(own)][~own].abs().sum() == 0
        by_session.setdefault(key.rsplit("_", 1)[0], set()).update(values)
    assert len(by_session) == 2 and len(advantages) > 4
    one, other = (values.pop() for values in by_session.values() if len(values) == 1)
    assert one == pytest.approx(-other) and abs(one) > 0.1


def test_every_row_ends_with_a_generated_token(trainer: Trainer, policy_folder):
    trainer.step(FORGETTING, StandIn(policy_folder, unequal), n=2)
    assert all(row["response_mask"][-1] == 1 for row in trainer.rows.values())


def test_trap_a_last_row_without_generated_tokens_loses_the_advantage(trainer: Trainer, policy_folder):
    """What would happen otherwise."""
    trainer.step(FORGETTING, StandIn(policy_folder, unequal), n=2)
    for session in {key.rsplit("_", 1)[0] for key in trainer.rows}:
        last = max((key for key in trainer.rows if key.startswith(session)), key=lambda key: int(key.rsplit("_", 1)[1]))
        trainer.rows[last]["response_mask"] = torch.zeros_like(trainer.rows[last]["response_mask"])
    assert all(found.abs().sum() == 0 for found in trainer.advantages().values())


def test_the_rows_of_an_episode_count_once_in_their_group(trainer: Trainer, policy_folder):
    """The long episode in many rows does not move its group's mean."""
    trainer.step(FORGETTING, StandIn(policy_folder, unequal), n=4)
    advantages, sessions = trainer.advantages(), trainer.sessions()
    assert len(sessions) == 4
    means = [advantages[f"{session}_0"].max() + advantages[f"{session}_0"].min() for session in sessions]
    assert float(sum(means)) == pytest.approx(0.0, abs=1e-4)


@pytest.mark.parametrize("estimator", ["rloo", "reinforce_plus_plus"])
def test_an_estimator_that_takes_rows_for_episodes_is_refused(trainer: Trainer, policy_folder, estimator, caplog):
    """Trap: only grpo knows lists."""
    override = [f"algorithm.adv_estimator={estimator}"]
    server = StandIn(policy_folder, unequal)
    assert trainer.step(FORGETTING, server, n=2, overrides=override) == ["failure"]
    assert f"algorithm.adv_estimator='{estimator}': would take an episode in" in caplog.text
    assert trainer.step({"max_tokens": 24}, server, n=2, overrides=override) == ["finished"]


def test_trap_another_estimator_takes_rows_for_episodes(trainer: Trainer, policy_folder):
    """What would happen otherwise: an episode is compared with its own rows."""
    trainer.step(FORGETTING, StandIn(policy_folder, unequal), n=2)
    one, other = trainer.sessions().values()
    count, difference = len(one), float(one[-1]["rm_scores"].sum() - other[-1]["rm_scores"].sum())
    assert count == len(other) > 1
    found = float(next(iter(trainer.advantages("rloo").values()))[0])
    assert abs(found) == pytest.approx(abs(difference) * count / (2 * count - 1))
    assert abs(found) < abs(difference)


def test_every_row_has_reward_and_information(trainer: Trainer, policy_folder):
    """Trap: a last row without ``reward_extra_info`` is a KeyError that fails the group."""
    assert trainer.step(FORGETTING, StandIn(policy_folder, unequal), n=2) == ["finished"]
    for rows in trainer.sessions().values():
        assert len({float(row["rm_scores"].sum()) for row in rows}) == 1
        assert all(row["extra_fields"]["reward_extra_info"] for row in rows)
        assert all(float(row["rm_scores"][-1]) == float(row["rm_scores"].sum()) for row in rows)


def test_an_aggregation_that_counts_rows_is_refused(trainer: Trainer, policy_folder, caplog):
    """Trap: rows are weighed, not episodes."""
    override = ["actor_rollout_ref.actor.loss_agg_mode=seq-mean-token-mean"]
    server = StandIn(policy_folder, unequal)
    assert trainer.step(FORGETTING, server, n=2, overrides=override) == ["failure"]
    assert "would count an episode in" in caplog.text
    assert trainer.step({"max_tokens": 24}, server, n=2, overrides=override) == ["finished"]


TURNS = [TokenTurn([1], [2, 3]), TokenTurn([4], [5]), TokenTurn([6], [7, 8, 9])]
AGGREGATIONS = ["token-mean", "seq-mean-token-sum", "seq-mean-token-sum-norm", "seq-mean-token-mean"]


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_with_its_weights_a_split_episode_counts_as_a_whole_one(aggregation):
    """In verl's own loss, with the number of episodes as denominator; advantages stand in for losses."""
    sequences = sequences_of(TURNS, Lengths(10, 10))
    assert len(sequences) == 3
    losses = torch.tensor([1.0, -2.0, 4.0, 0.5, 3.0, -1.0])
    split, mask, place = torch.zeros(3, 6), torch.zeros(3, 6), 0
    for row, (sequence, weight) in enumerate(zip(sequences, row_weights(sequences, aggregation), strict=True)):
        split[row, : sequence.generated] = losses[place : place + sequence.generated] * weight
        mask[row, : sequence.generated] = 1
        place += sequence.generated
    ours = agg_loss(split, mask, aggregation, global_batch_size=1, batch_num_tokens=6)
    whole = agg_loss(losses[None], torch.ones(1, 6), aggregation, global_batch_size=1, batch_num_tokens=6)
    assert float(ours) == pytest.approx(float(whole))


def test_trap_without_weights_a_split_episode_counts_several_times():
    mask = torch.tensor([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
    split = agg_loss(mask, mask, "seq-mean-token-mean", global_batch_size=1)
    whole = agg_loss(torch.ones(1, 6), torch.ones(1, 6), "seq-mean-token-mean", global_batch_size=1)
    assert float(split) == pytest.approx(3 * float(whole))
