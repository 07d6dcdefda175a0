"""verl's configuration is composed from a few fields, and checked by verl before anything is started."""

import re

import pytest
import yaml

from infraray.errors import InfrarayError
from infraray.policy import trained
from infraray.training.grpo import prepare
from infraray.training.grpo_file import GrpoSpec
from infraray.training.verl_config import cpus_needed

pytestmark = pytest.mark.filterwarnings("default")
DESCRIBED = {
    "name": "small",
    "scenarios": [{"scenario": "load_balance", "parameters": {"warmup_steps": 2}, "max_steps": 6}],
    "seeds": "100:140",
    "held_out": 3,
    "steps": 2,
    "prompts_per_step": 4,
    "group_size": 3,
    "chat": {"max_tokens": 24},
}


@pytest.fixture
def described(policy_folder):
    return lambda **changes: GrpoSpec.parse({**DESCRIBED, "model": str(policy_folder), **changes})


def test_fields_reach_verl(described, tmp_path):
    override = "actor_rollout_ref.actor.optim.lr_warmup_steps=7"
    config = prepare(described(kl=0.01, learning_rate=2e-5, overrides=[override]), tmp_path / "out")
    actor, rollout = config.actor_rollout_ref.actor, config.actor_rollout_ref.rollout
    assert (actor.use_kl_loss, actor.kl_loss_coef, actor.optim.lr, actor.optim.lr_warmup_steps) == (True, 0.01, 2e-5, 7)
    assert (rollout.n, config.data.train_batch_size, actor.ppo_mini_batch_size) == (3, 4, 4)
    assert config.algorithm.rollout_correction.rollout_is == "token" and config.algorithm.filter_groups.enable
    assert config.data.seed == 0 and config.trainer.total_training_steps == 2
    assert cpus_needed(config) == 7
    out = tmp_path / "out"
    assert yaml.safe_load((out / "verl.yaml").read_text())["trainer"]["default_local_dir"] == str(out / "checkpoints")
    assert (out / "train.parquet").exists() and (out / "rollouts" / "run.json").exists()


def test_the_model_that_comes_with_infraray_has_its_name(described, tmp_path):
    config = prepare(described(model=trained.NAME), tmp_path / "out")
    assert config.actor_rollout_ref.model.path == str(trained.FOLDER)


@pytest.mark.parametrize("mode", ["colocate_async", "separate_async"])
def test_asynchronous_modes_are_reachable(described, tmp_path, mode):
    config = prepare(described(mode=mode), tmp_path / "out")
    assert config.trainer.v1.trainer_mode == mode
    if mode == "separate_async":
        sync_steps = config.trainer.v1.separate_async.parameter_sync_step
        assert config.data.train_batch_size == sync_steps * config.actor_rollout_ref.actor.ppo_mini_batch_size
        rollout = config.actor_rollout_ref.rollout
        assert rollout.nnodes * rollout.n_gpus_per_node == 1 and rollout.checkpoint_engine.backend == "nccl"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"overrides": ["actor_rollout_ref.actor.optim.lrr=1"]}, r"verl has no \S+lrr; did you mean .*lr"),
        ({"overrides": ["trainer"]}, "'trainer': must be NAME=VALUE"),
        ({"overrides": ["actor_rollout_ref.actor.use_dynamic_bsz=[1"]}, "overrides.0: "),
        ({"gpus": 5}, r"verl's configuration: .*divisible"),
        ({"prompts_per_step": 41}, "prompts_per_step=41: there are 40 tasks to train on"),
        ({"held_out": "139:150"}, "held_out: 1 of its seeds, the first 139, are trained on"),
        ({"reward": "normalised"}, "unknown reward 'normalised'; did you mean normalized?"),
        ({"evaluation": {"engine": {"engine": "vlm"}}}, "did you mean vllm"),
    ],
    ids=["unknown", "no value", "grammar", "gpus", "tasks", "held out", "reward", "engine"],
)
def test_what_verl_or_we_refuse_is_one_line_before_anything_is_written(described, tmp_path, changes, error):
    with pytest.raises(InfrarayError) as raised:
        prepare(described(**changes), tmp_path / "out")
    assert re.search(error, str(raised.value)) and "\n" not in str(raised.value)
    assert not (tmp_path / "out").exists()
