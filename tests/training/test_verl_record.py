"""The trainer is given what was collected, and nothing is played that is collected already."""

from dataclasses import replace
from typing import Any

import pyarrow.parquet as pq
import pytest
import ray
import torch

from infraray.episodes import EpisodePlayer, EpisodeSpec
from infraray.training.dataset import TrainingSet
from infraray.training.record import RolloutRecord
from infraray.trajectories.reader import Run
from tests.training.recording import entry_of, store
from tests.training.verl_side import SAID, SCENARIO, StandIn, Trainer

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


@pytest.mark.parametrize("is_stale", [False, True])
def test_what_a_run_has_played_is_taken_while_the_policy_is_near_it(
    trainer: Trainer, policy_folder, tmp_path, monkeypatch, is_stale
):
    """One of a group's two rollouts was recorded; it keeps its probabilities, and the version that played it."""
    described = {"scenarios": [SCENARIO], "seeds": 1, "held_out": "50:52", "chat": {"max_tokens": 24}}
    ((_, task),) = TrainingSet.parse(described).tasks("train")
    entry = entry_of(task, "chat:m@http://127.0.0.1:1/v1?max_tokens=24&temperature=1&logprobs=true")
    played = EpisodePlayer(60.0).play(EpisodeSpec(entry_of(task, "scripted:round_robin"), task.seed, 0))
    steps, ids = [], [5, 6, 7]
    for number, step in enumerate(played.steps):
        told = {"prompt_ids": ids, "answer_ids": [8, 2], "logprobs": [-0.25 * number, -1.0]}
        steps.append(step._replace(agent_extra={"tokens": [told]}))
        ids = [*ids, 8, 2, 9]
    recorded = replace(played, spec=EpisodeSpec(entry, task.seed, 0), steps=steps)
    folder = store(tmp_path / "run", task, [entry], [recorded])
    if is_stale:
        monkeypatch.setattr("infraray.training.agent_loop.BASE_VERSION", -1)
    server = StandIn(policy_folder, lambda episode: [SAID])
    loop = {"collected": {"run": str(folder), "max_staleness": 0}}
    trainer.step({"max_tokens": 24}, server, n=2, loop=loop)
    assert len(server.asked) == 1 + is_stale
    rows = given(trainer)
    taken = [(row, told) for row, told in rows.values() if told["reward_extra_info"]["recorded"]]
    assert len(taken) == (not is_stale) and len(rows) == 2
    for row, told in taken:
        assert row["responses"].tolist() == [8, 2, *[9, 8, 2] * 5] and told["min_global_steps"] == 0
        assert row["rollout_log_probs"].tolist() == [0.0, -1.0, *(v for n in range(1, 6) for v in (0, -0.25 * n, -1))]
        assert told["token_steps"] == [0, 0, *(v for n in range(1, 6) for v in (-1, n, n))]
    played_now = [told for _, told in rows.values() if not told["reward_extra_info"]["recorded"]]
    assert all(told["min_global_steps"] == 7 for told in played_now)
    if not is_stale:
        assert played_now[0]["states"][0] == taken[0][1]["states"][0], "both began in the same state"
