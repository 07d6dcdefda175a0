"""A training's file is refused in one line for everything that is wrong with it."""

import pytest

from infraray.errors import InfrarayError
from infraray.runs.run_file import RunSpec
from infraray.training.evaluation import evaluation_run
from infraray.training.grpo_file import GrpoSpec

WRITTEN = """
name: small
model: policy
scenarios:
  - scenario: load_balance
    parameters: {warmup_steps: 2}
    max_steps: 6
  - {scenario: capacity_planning, levels: [1, 2], label: capacity, invalid_action: penalty, invalid_penalty: 2.0}
seeds: "100:140"
held_out: 3
chat: {memory: "last:2", max_tokens: 24, strategy: cot}
steps: 2
"""


def written(tmp_path, change="", text=WRITTEN):
    path = tmp_path / "training.yaml"
    path.write_text(text + change)
    return path


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ("grup_size: 4\n", r"training.yaml:13: grup_size: no such field; did you mean group_size?"),
        ("group_size: 1\n", r"training.yaml:13: group_size=1: must be greater than or equal to 2"),
        ("mode: asynchronous\n", r"training.yaml:13: mode='asynchronous': must be 'sync', 'colocate_async' or"),
        ("rollout_gpus: 2\n", "rollout_gpus=2: has no effect with mode: sync"),
        ("gpus: 3\nengine_gpus: 2\n", "engine_gpus=2: must divide the 3 GPUs"),
        ("learning_rate: fast\n", "learning_rate='fast': must be a number"),
        ("environments: {episodes_s: 3}\n", "environments.episodes_s: no such field; did you mean episode_s?"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, change, error):
    with pytest.raises(InfrarayError) as raised:
        GrpoSpec.load(written(tmp_path, change))
    assert error in str(raised.value) and "\n" not in str(raised.value)


def test_a_run_is_not_a_training_and_the_other_way_round(tmp_path):
    run = written(tmp_path, text="scenarios: [load_balance]\nagents: ['scripted:random']\n")
    with pytest.raises(InfrarayError, match=r"is a run .*; use 'infraray run "):
        GrpoSpec.load(run)
    with pytest.raises(InfrarayError, match="model: no such field"):
        RunSpec.load(written(tmp_path))


def test_base_and_trained_policy_are_asked_as_they_were_trained(tmp_path):
    spec = GrpoSpec.load(written(tmp_path))
    run = evaluation_run(spec, tmp_path / "trained")
    assert run.agents == [
        "scripted:*",
        "engine:base?memory=last%3A2&max_tokens=24&strategy=cot",
        "engine:trained?memory=last%3A2&max_tokens=24&strategy=cot",
    ]
    assert {name: engine.model for name, engine in run.engines.items()} == {
        "base": "policy",
        "trained": str(tmp_path / "trained"),
    }
    assert [(one.label, one.level, one.max_episode_steps) for one in run.scenarios] == [
        ("load_balance", 1, 6),
        ("capacity-level-1", 1, 32),
        ("capacity-level-2", 2, 32),
    ]
    assert run.scenarios[0].parameters["warmup_steps"] == 2 and run.scenarios[1].invalid_penalty == 2.0
    assert list(run.seeds) == [0, 1, 2]
