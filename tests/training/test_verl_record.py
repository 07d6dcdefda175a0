"""The trainer is given what was collected, and nothing is played that is collected already."""

from typing import Any

import pyarrow.parquet as pq
import pytest
import ray
import torch

from infraray.training.record import RolloutRecord
from infraray.trajectories.reader import Run
from tests.training.verl_side import StandIn, Trainer

pytestmark = pytest.mark.filterwarnings("default")
FORGETTING = {"max_tokens": 24, "memory": "last:2"}


def given(trainer: Trainer) -> dict[Any, Any]:
    """What the trainer was given: by task, place in the group and place in the episode."""
    found = {}
    for key, row in trainer.rows.items():
        place = row["extra_info"]["index"], row["session_id"], int(key.rsplit("_", 1)[1])
        names = ("prompts", "responses", "response_mask", "rollout_log_probs", "rm_scores")
        found[tuple(map(int, place))] = {name: row[name] for name in names}, row["extra_fields"]
    return found


def same(one: dict[Any, Any], other: dict[Any, Any]) -> bool:
    return one.keys() == other.keys() and all(
        all(torch.equal(tensors[name], other[place][0][name]) for name in tensors)
        and repr(told) == repr(other[place][1])
        for place, (tensors, told) in one.items()
    )


def test_the_trainers_rows_can_be_built_again_from_parquet_bit_for_bit(trainer: Trainer, policy_folder):
    trainer.step(FORGETTING, StandIn(policy_folder), n=2, tasks=2)
    ray.get(trainer.collector.finish.remote())
    (path,) = (trainer.folder / "rollouts").glob("episodes/*.parquet")
    rebuilt = {}
    table = pq.read_table(path)
    for place in range(table.num_rows):
        row = table.slice(place, 1)
        record = RolloutRecord.read(row.to_batches()[0])
        for number, sequence in enumerate(record.sequences):
            rewards = torch.zeros(len(sequence.response_ids))
            rewards[-1] = record.reward
            tensors = {
                "prompts": torch.tensor(sequence.prompt_ids),
                "responses": torch.tensor(sequence.response_ids),
                "response_mask": torch.tensor(sequence.response_mask),
                "rollout_log_probs": torch.tensor(sequence.response_logprobs),
                "rm_scores": rewards,
            }
            rebuilt[row["seed"][0].as_py(), row["repetition"][0].as_py(), number] = tensors
    rows = given(trainer)
    assert rows.keys() == rebuilt.keys() and len(rows) > 4
    for place, (tensors, told) in rows.items():
        for name, expected in rebuilt[place].items():
            assert torch.equal(tensors[name].to(expected.dtype), expected), (place, name)
        assert told["min_global_steps"] is not None


def test_rollouts_are_episodes_with_steps_like_any_other(trainer: Trainer, policy_folder):
    trainer.step(FORGETTING, StandIn(policy_folder), n=2)
    run = Run(trainer.folder / "rollouts")
    episodes, steps = run.episodes().to_pylist(), run.steps().to_pylist()
    assert [row["repetition"] for row in episodes] == [0, 1] or [row["repetition"] for row in episodes] == [1, 0]
    assert len({row["rollout"]["group"] for row in episodes}) == 1
    assert {row["agent"] for row in episodes} == {"policy:tested?version=0&start=0"}
    assert len(steps) == sum(row["steps"] for row in episodes)
    answered = [number for row in episodes for one in row["rollout"]["sequences"] for number in one["answer_steps"]]
    assert len(answered) == len(steps)
    assert all(step["output_tokens"] > 0 and step["text_observation"] for step in steps)


@pytest.mark.parametrize(
    ("loop", "is_played"),
    [
        ({}, False),
        ({"start": 1, "resumed_version": 0, "resumed_start": 0}, False),
        ({"start": 1, "resumed_version": -1}, True),
        ({"start": 2, "resumed_version": 0, "resumed_start": 1}, True),
    ],
    ids=["collector killed", "training killed", "asynchronous", "other weights"],
)
def test_a_step_goes_on_with_what_its_weights_have_played(trainer: Trainer, policy_folder, loop, is_played):
    """Half of the rollouts of the first group are lost with what was killed."""
    server = StandIn(policy_folder)
    trainer.step(FORGETTING, server, n=2)
    before, asked = given(trainer), len(server.asked)
    assert asked == 2
    ray.kill(trainer.collector, no_restart=False)
    trainer.rows.clear()
    trainer.step(FORGETTING, server, n=3, loop=loop)
    after = given(trainer)
    assert len(server.asked) == asked + (3 if is_played else 1)
    kept = {place: found for place, found in after.items() if place in before}
    assert same(before, kept) is not is_played
    assert Run(trainer.folder / "rollouts").episodes(["episode_id"]).num_rows == len(server.asked)
