"""The agent loop inside verl: from its Parquet to its advantages, on the CPU."""

import asyncio
import math
import os
import signal
from typing import Any

import pytest
import torch

from infraray.training.hosts import RemoteHost
from tests.training.verl_side import SAID, StandIn, Trainer

pytestmark = pytest.mark.filterwarnings("default")
CHAT = {"max_tokens": 24}


def forward(server, row):
    """The trainer's log-probabilities of a row's response."""
    ids = [*row["prompts"].tolist(), *row["responses"].tolist()]
    return torch.tensor(server.logprobs(ids)[-len(row["responses"]) :])


@pytest.mark.parametrize(
    "chat", [{}, {"memory": "last:2"}, {"memory": "last:0"}, {"strategy": "few_shot", "examples": 1}], ids=str
)
def test_the_trainer_computes_the_log_probabilities_that_were_drawn(trainer: Trainer, policy_folder, chat):
    """Of answers drawn at random: halves of characters, marks of the template, cut off."""
    server = StandIn(policy_folder)
    assert trainer.step({**CHAT, **chat}, server, n=2, tasks=2) == ["finished"] * 2
    generated = 0
    for row in trainer.rows.values():
        own = row["response_mask"].bool()
        generated += int(own.sum())
        assert torch.allclose(forward(server, row)[own], row["rollout_log_probs"][own], atol=1e-4)
    assert generated > 100


def test_a_shift_by_one_token_would_be_seen(trainer: Trainer, policy_folder):
    """The comparison above can fail: by far more than its tolerance."""
    server = StandIn(policy_folder)
    trainer.step(CHAT, server, n=1)
    for row in trainer.rows.values():
        own, drawn = row["response_mask"].bool(), row["rollout_log_probs"]
        row["prompts"] = row["prompts"][:-1]
        assert (forward(server, row)[own] - drawn[own]).abs().max() > 0.1


def test_what_was_told_is_masked(trainer: Trainer, policy_folder):
    """It holds the very words of the policy's answers."""
    server = StandIn(policy_folder, lambda episode: [SAID])
    trainer.step(CHAT, server, n=1)
    (row,) = trainer.rows.values()
    own = row["response_mask"].bool()
    assert server.tokenizer.decode(row["responses"][own]) == f"{SAID}<|im_end|>" * 6
    told = server.tokenizer.decode(row["responses"][~own])
    assert told.count("<|im_start|>user") == 5 and "<|im_start|>assistant" in told
    assert row["rollout_log_probs"][~own].abs().sum() == 0


def test_a_row_says_what_the_trainer_measures_and_filters_by(trainer: Trainer, policy_folder):
    trainer.step({**CHAT, "memory": "last:1"}, StandIn(policy_folder, lambda episode: [SAID, "what?", SAID]), n=1)
    assert len(trainer.rows) > 1
    for key, row in trainer.rows.items():
        told = row["extra_fields"]["reward_extra_info"]
        assert told["steps"] == 6 and told["invalid_actions"] == 1 and told["environment_failures"] == 0
        assert math.isfinite(told["score"]) and math.isfinite(told["normalized_score"])
        assert {"correct", "safe", "unsafe_steps"} <= told.keys()
        assert trainer.tags[key]["min_global_steps"] == 7
    newest = [tag["max_global_steps"] for key, tag in trainer.tags.items() if key in trainer.rows]
    assert newest == sorted(newest) and newest[-1] == 7 + 5


def test_limits_of_verl_are_kept(trainer: Trainer, policy_folder):
    server = StandIn(policy_folder, lambda episode: [SAID])
    lengths = ["data.max_response_length=500"]
    assert trainer.step(CHAT, server, n=1, overrides=lengths) == ["finished"]
    (row,) = trainer.rows.values()
    assert len(row["responses"]) <= 500 and row["extra_fields"]["ending"] == "tokens"
    assert row["response_mask"][-1] == 1
    assert 0 < row["extra_fields"]["reward_extra_info"]["steps"] < 6


class Environments:
    """The processes in which environments are played, by rollout: each rollout is one task of the event loop."""

    def __init__(self) -> None:
        self.found: dict[Any, list[int]] = {}

    def note(self, process: int) -> None:
        """A rollout began an episode."""
        self.found.setdefault(asyncio.current_task(), []).append(process)

    @property
    def rollout(self) -> int:
        """The number of the rollout that asks, in the order in which they began."""
        return list(self.found).index(asyncio.current_task())

    def signal(self, number: int) -> None:
        """To the environment of the rollout that asks."""
        os.kill(self.found[asyncio.current_task()][-1], number)


@pytest.fixture
def environments(monkeypatch) -> Environments:
    found = Environments()
    begin = RemoteHost.begin

    async def noted(self, *arguments):
        begun = await begin(self, *arguments)
        found.note(await self.process())
        return begun

    monkeypatch.setattr(RemoteHost, "begin", noted)
    return found


def test_an_environment_that_dies_is_played_again(trainer: Trainer, policy_folder, environments, caplog):
    server = StandIn(policy_folder, lambda episode: [SAID])

    async def kill_the_first(episode: int, number: int) -> None:
        if (episode, number) == (0, 2):
            environments.signal(signal.SIGKILL)

    server.before = kill_the_first
    assert trainer.step(CHAT, server, n=1) == ["finished"]
    (row,) = trainer.rows.values()
    assert row["extra_fields"]["reward_extra_info"]["environment_failures"] == 1
    assert row["extra_fields"]["reward_extra_info"]["steps"] == 6
    assert "infraray/LoadBalance-v0, seed 0, attempt 1: the environment died" in caplog.text
    assert "; played again" in caplog.text


def test_an_environment_that_keeps_dying_costs_its_own_rollout(trainer: Trainer, policy_folder, environments, caplog):
    """verl takes the group for whole: its siblings are there, and no row was invented."""
    server = StandIn(policy_folder, lambda episode: [SAID])

    async def kill_that_of_one(episode: int, number: int) -> None:
        if number == 2 and environments.rollout == 0:
            environments.signal(signal.SIGKILL)

    server.before = kill_that_of_one
    assert trainer.step(CHAT, server, n=3, loop={"attempts": 2}) == ["finished"]
    assert len(trainer.sessions()) == 2
    assert sorted(map(len, environments.found.values())) == [1, 1, 2]
    assert caplog.text.count("; played again") == caplog.text.count("; given up") == 1


def test_a_server_that_never_answers_ends_the_episode_not_the_training(trainer: Trainer, policy_folder):
    server = StandIn(policy_folder, lambda episode: [SAID])

    async def hang(episode: int, number: int) -> None:
        if number == 3:
            await asyncio.sleep(3600)

    server.before = hang
    assert trainer.step(CHAT, server, n=2, loop={"episode_s": 15.0}) == ["finished"]
    for (row,) in trainer.sessions().values():
        assert row["extra_fields"]["ending"] == "time"
        assert row["extra_fields"]["reward_extra_info"]["steps"] == 3


def test_an_environment_that_hangs_is_dropped_in_time(trainer: Trainer, policy_folder, environments):
    server = StandIn(policy_folder, lambda episode: [SAID])

    async def stop(episode: int, number: int) -> None:
        if number == 1:
            environments.signal(signal.SIGSTOP)

    server.before = stop
    limits = {"episode_s": 60.0, "environment_s": 10.0, "attempts": 1}
    assert trainer.step(CHAT, server, n=1, loop=limits) == ["finished"]
    assert trainer.rows == {}
