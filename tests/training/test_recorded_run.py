"""What `infraray run` has played becomes rollouts: with the tokens and probabilities that a real server told."""

import itertools
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from infraray.errors import InfrarayError
from infraray.training.grpo import prepare
from infraray.training.grpo_file import GrpoSpec
from infraray.training.recorded_run import RecordedRun
from infraray.training.rewards import reward_of
from infraray.training.rollout import Rolled
from infraray.training.sequences import Lengths, Versions
from infraray.training.step_credit import state_of
from infraray.training.task import TrainingTask
from tests.engines.in_process import SMALL_MODEL, load_program, serving, url_of
from tests.training.recording import record

TASK = TrainingTask(
    scenario="load_balance", seed=0, max_steps=3, parameters={"warmup_steps": 1}, chat={"max_tokens": 6}
)
LONG = Lengths(30_000, 30_000)
TOLD = "max_tokens=6&temperature=1&logprobs=true"

pytest.importorskip("onnxruntime_genai")


@pytest.fixture(scope="module")
def served() -> Iterator[Any]:
    program = load_program("onnx_server")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(program.openai_api, "LONGEST_WARM_UP", 2)
        with serving(program, lambda: program.Model(SMALL_MODEL, 1), "m") as server:
            yield server


@pytest.fixture(scope="module")
def agent(served: Any) -> str:
    return f"chat:m@{url_of(served)}"


@pytest.fixture(scope="module")
def folder(agent: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    agents = [f"{agent}?{TOLD}", f"{agent}?max_tokens=6&temperature=1", "scripted:round_robin"]
    return record(tmp_path_factory.mktemp("run"), TASK, agents, [3, 4], repetitions=2)


@pytest.fixture(scope="module")
def recorded(folder: Path, agent: str) -> RecordedRun:
    return RecordedRun(str(folder), f"{agent}?{TOLD}")


def rolled(recorded: RecordedRun, seed: int, place: int, lengths: Lengths = LONG) -> Rolled:
    found = recorded.rolled(TASK.model_copy(update={"seed": seed}), place, lengths)
    assert found is not None
    return found


def test_its_tokens_have_the_probabilities_with_which_they_were_drawn(recorded, served):
    """Computed again by the server's model, from what stands before each token in the sequence."""
    model, apart = served.model, []
    for seed, place in ((3, 0), (4, 1)):
        for sequence in rolled(recorded, seed, place).sequences:
            ids = [*sequence.prompt_ids, *sequence.response_ids]
            first = len(sequence.prompt_ids)
            for number, (own, told) in enumerate(
                zip(sequence.response_mask, sequence.response_logprobs, strict=True), first
            ):
                if own:
                    generator = model._generator(number + 1)
                    generator.append_tokens(ids[:number])
                    again = model.entry(ids[number], generator.get_logits()[0, -1], 0)["logprob"]
                    apart.append(abs(again - told))
    # One of a thousand tokens onnxruntime-genai weighs otherwise in a prompt than when it goes on, by up to 0.2.
    assert len(apart) >= 18 and np.quantile(apart, 0.9) < 1e-3


def test_it_is_the_episode_that_was_played(recorded):
    found = rolled(recorded, 3, 0)
    assert len(found.steps) == found.answers == 3
    # One, unless the model drew halves of a character: what it is shown of them is not what it said.
    assert [step for sequence in found.sequences for step in sequence.answer_steps] == [0, 1, 2]
    assert all(one.versions == Versions(0, 0) and one.response_mask[-1] == 1 for one in found.sequences)
    assert sum(sequence.generated for sequence in found.sequences) <= 18
    first = found.sequences[0]
    own = list(itertools.takewhile(lambda one: one[1], zip(first.response_ids, first.response_mask, strict=True)))
    row = next(row for (_, *where), row in recorded._episodes.items() if where == [3, 0])
    stored = json.loads(recorded._steps[row["episode_id"]][0]["extra"])["agent"]["tokens"]
    assert [token for token, _ in own] == stored[0]["answer_ids"]
    environment = TASK.make_environment()
    observation, _ = environment.reset(seed=3)
    assert state_of(found.steps[0].observation) == state_of(observation)
    assert math.isfinite(reward_of(found.played, "normalized"))
    assert found.played.ending == "steps" and len(found.played.steps) == 3
    assert any(
        rolled(recorded, 3, 0).sequences != rolled(recorded, seed, place).sequences for seed, place in ((3, 1), (4, 0))
    )


def test_what_was_not_played_or_is_too_long_is_played_by_the_trainer(recorded):
    assert recorded.rolled(TASK.model_copy(update={"seed": 3}), 2, LONG) is None
    assert recorded.rolled(TASK.model_copy(update={"seed": 5}), 0, LONG) is None
    assert recorded.rolled(TASK.model_copy(update={"seed": 3, "max_steps": 4}), 0, LONG) is None
    assert recorded.rolled(TASK.model_copy(update={"seed": 3}), 0, Lengths(30, 30)) is None
    assert recorded.count(TASK, range(4)) == 2 and recorded.count(TASK, range(9)) == 4


def test_a_run_without_log_probabilities_is_refused_in_one_line(folder, agent):
    with pytest.raises(InfrarayError, match=r"no log-probabilities of what it said; play it with its option logprobs"):
        RecordedRun(str(folder), f"{agent}?max_tokens=6&temperature=1")
    with pytest.raises(InfrarayError, match=r"has 2 agents that ask a model; name one of chat:"):
        RecordedRun(str(folder))
    with pytest.raises(InfrarayError, match="played nothing in"):
        RecordedRun(str(folder), "scripted:round_robin")


def test_a_run_that_was_not_drawn_from_the_policy_is_refused(agent, tmp_path):
    greedy = record(tmp_path / "greedy", TASK, [f"{agent}?max_tokens=6&logprobs=true"], [3])
    with pytest.raises(InfrarayError, match=r"temperature=0, .* play it with temperature=1"):
        RecordedRun(str(greedy))
    scripted = record(tmp_path / "scripted", TASK, ["scripted:round_robin"], [3])
    with pytest.raises(InfrarayError, match="has 0 agents that ask a model; play one"):
        RecordedRun(str(scripted))
    with pytest.raises(InfrarayError, match="holds no run"):
        RecordedRun(str(tmp_path / "nothing"))


def test_a_policy_that_was_asked_otherwise_is_refused(recorded):
    recorded.check({"max_tokens": 6})
    with pytest.raises(InfrarayError, match="was asked with memory='all', and the training asks with 'last:1'"):
        recorded.check({"max_tokens": 6, "memory": "last:1"})


def test_a_training_from_another_runs_tasks_is_refused_before_it_starts(folder, agent, tmp_path):
    written = {
        "name": "t",
        "model": "m",
        "scenarios": [{"scenario": "load_balance", "max_steps": 3, "parameters": {"warmup_steps": 1}}],
        "seeds": "10:20",
        "held_out": 3,
        "steps": 1,
        "prompts_per_step": 1,
        "chat": {"max_tokens": 6},
        "collected": {"run": str(folder), "agent": f"{agent}?{TOLD}"},
    }
    with pytest.raises(InfrarayError, match="no episode is of a task to train on"):
        prepare(GrpoSpec.parse(written), tmp_path)
    with pytest.raises(InfrarayError, match="needs mode: sync"):
        GrpoSpec.parse({**written, "mode": "colocate_async"})
    with pytest.raises(InfrarayError, match="take normalized"):
        GrpoSpec.parse({**written, "reward": "shaped"})


def test_numbers_of_a_state_are_stored_exactly(recorded):
    """Else a recorded rollout would share no state with those that the trainer plays."""
    environment = TASK.make_environment()
    observation, _ = environment.reset(seed=4)
    stored = rolled(recorded, 4, 0).steps
    for step in stored:
        assert np.array_equal(observation["numeric_observation"], step.observation["numeric_observation"])
        observation, *_ = environment.step(step.action)
