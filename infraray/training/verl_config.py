"""verl's configuration, composed from a few fields and checked before anything is started.

What is set here for good reasons, beside the fields:

- ``adv_estimator=grpo``, for which alone verl counts an episode in several rows once, see
  `infraray.training.agent_loop`.
- One update for each batch: the policy that is updated is the one that played.
- ``rollout_correction.rollout_is=token``: tokens are weighed by the ratio of the trainer's and the engine's
  probabilities, at most 2, since engines compute in other orders and, in the asynchronous modes, older versions play.
- ``sync_refill_failed_groups``: a group without any rollout is replaced.
- ``attn_implementation=sdpa`` and no removal of padding: FlashAttention is a package that not every machine has.
- Checkpoints with weights in Hugging Face's format, which every engine serves.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from infraray.errors import InfrarayError, did_you_mean
from infraray.policy.trained import model_folder
from infraray.training.grpo_file import GrpoSpec

INSTALL = "pip install 'infraray[chat,verl]'"

CPUS_PER_GPU = 3
"""What verl's placement groups ask for beside each GPU."""

ACTOR, ROLLOUT = "actor_rollout_ref.actor", "actor_rollout_ref.rollout"


def settings(spec: GrpoSpec, folder: Path, train: Path, held_out: Path, loops: Path) -> dict[str, Any]:
    """Verl's settings for a training, by their names; a name with ``+`` is one that verl's files do not have.

    Args:
        spec: the training.
        folder: its folder.
        train: the data set to train on.
        held_out: the data set to try the policy on.
        loops: the file that tells verl of our agent loop.
    """
    separate = spec.mode == "separate_async"
    return {
        "algorithm.adv_estimator": "grpo",
        "algorithm.filter_groups.enable": spec.filter_groups,
        "algorithm.rollout_correction.rollout_is": "token",
        "data.train_files": train,
        "data.val_files": held_out,
        "data.train_batch_size": spec.prompts_per_step,
        "data.max_prompt_length": spec.max_prompt_tokens,
        "data.max_response_length": spec.max_response_tokens,
        "data.filter_overlong_prompts": False,
        "data.dataloader_num_workers": 0,
        "data.seed": spec.seed,
        "actor_rollout_ref.model.path": model_folder(spec.model),
        "actor_rollout_ref.model.use_remove_padding": False,
        "+actor_rollout_ref.model.override_config.attn_implementation": "sdpa",
        f"{ACTOR}.strategy": "fsdp2",
        f"{ACTOR}.optim.lr": spec.learning_rate,
        f"{ACTOR}.ppo_mini_batch_size": spec.prompts_per_step,
        f"{ACTOR}.ppo_micro_batch_size_per_gpu": spec.micro_batch,
        f"{ACTOR}.use_kl_loss": spec.kl > 0,
        f"{ACTOR}.kl_loss_coef": spec.kl,
        f"{ACTOR}.use_torch_compile": False,
        f"{ACTOR}.fsdp_config.use_torch_compile": False,
        f"{ACTOR}.checkpoint.save_contents": ["model", "optimizer", "extra", "hf_model"],
        f"{ACTOR}.checkpoint.load_contents": ["model", "optimizer", "extra"],
        "actor_rollout_ref.ref.log_prob_micro_batch_size_per_gpu": spec.micro_batch,
        f"{ROLLOUT}.name": spec.engine,
        f"{ROLLOUT}.n": spec.group_size,
        f"{ROLLOUT}.temperature": spec.temperature,
        f"{ROLLOUT}.tensor_model_parallel_size": spec.engine_gpus,
        f"{ROLLOUT}.gpu_memory_utilization": 0.4,
        f"{ROLLOUT}.max_model_len": spec.max_prompt_tokens + spec.max_response_tokens,
        f"{ROLLOUT}.calculate_log_probs": True,
        f"{ROLLOUT}.log_prob_micro_batch_size_per_gpu": spec.micro_batch,
        f"{ROLLOUT}.agent.num_workers": 2,
        f"{ROLLOUT}.agent.agent_loop_config_path": loops,
        f"{ROLLOUT}.checkpoint_engine.update_weights_bucket_megabytes": 256,
        "reward.num_workers": 1,
        "transfer_queue.backend.SimpleStorage.num_data_storage_units": 1,
        "trainer.logger": ["console"],
        "trainer.n_gpus_per_node": spec.gpus,
        "trainer.nnodes": spec.nodes,
        "trainer.project_name": "infraray",
        "trainer.experiment_name": spec.name,
        "trainer.default_local_dir": folder / "checkpoints",
        "trainer.resume_mode": "auto",
        "trainer.save_freq": spec.save_every,
        "trainer.test_freq": spec.test_every or -1,
        "trainer.val_before_train": bool(spec.test_every),
        "trainer.total_training_steps": spec.steps,
        "trainer.total_epochs": 1_000_000,
        "trainer.v1.trainer_mode": spec.mode,
        "trainer.v1.sampler.sync_refill_failed_groups": True,
        **({"trainer.v1.separate_async.parameter_sync_step": 1} if separate else {}),
        **({f"{ROLLOUT}.nnodes": spec.nodes, f"{ROLLOUT}.n_gpus_per_node": spec.rollout_gpus} if separate else {}),
        **({f"{ROLLOUT}.checkpoint_engine.backend": "nccl"} if separate else {}),
    }


def compose(spec: GrpoSpec, given: Mapping[str, Any]) -> Any:
    """Verl's configuration, checked by verl.

    Args:
        spec: the training, whose overrides come last.
        given: see `settings`.

    Raises:
        InfrarayError: verl is not installed here, an override is unknown, or verl refuses a value.
    """
    try:
        from hydra import compose as compose_config
        from hydra import initialize_config_module
        from hydra.errors import HydraException
        from omegaconf.errors import OmegaConfBaseException
        from verl.trainer.ppo.utils import need_critic, need_reference_policy
        from verl.utils.config import validate_config
    except ImportError as error:
        raise InfrarayError(f"verl cannot be imported ({error}); {INSTALL}") from None
    overrides = [f"{name}={_written(value)}" for name, value in given.items()]
    with initialize_config_module("verl.trainer.config", version_base=None):
        config = compose_config("ppo_trainer", overrides=overrides)
        for position, override in enumerate(spec.overrides):
            with spec.explaining("overrides", position):
                try:
                    compose_config("ppo_trainer", overrides=[*overrides, override])
                except (HydraException, OmegaConfBaseException) as error:
                    raise InfrarayError(_explained(override, error, config)) from None
        config = compose_config("ppo_trainer", overrides=[*overrides, *spec.overrides])
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):  # what it says is no news
            warnings.simplefilter("ignore")
            validate_config(config, need_reference_policy(config), need_critic(config))
    except (AssertionError, ValueError, OmegaConfBaseException) as error:
        raise InfrarayError(f"verl's configuration: {' '.join(str(error).split())}") from None
    return config


def cpus_needed(config: Any) -> int:
    """The CPUs that a Ray cluster must have; with fewer, verl waits for ever and says nothing."""
    gpus = config.trainer.n_gpus_per_node * config.trainer.nnodes
    storage = config.transfer_queue.backend.SimpleStorage.num_data_storage_units
    # The trainer, the queue's controller, its storage, and one that a new actor asks for until it runs.
    return int(1 + 1 + storage + 1 + CPUS_PER_GPU * gpus)


def _written(value: Any) -> str:
    """A value in the grammar of hydra's overrides."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{','.join(map(_written, value))}]"
    if isinstance(value, int | float):
        return str(value)
    return "'" + str(value).replace("\\", "\\\\").replace("'", "\\'") + "'"


def _explained(override: str, error: Exception, config: Any) -> str:
    """What is wrong with an override, with the nearest names that verl knows."""
    name, equals, _ = override.partition("=")
    if not equals:
        return f"{override!r}: must be NAME=VALUE"
    known = config
    for part in name.lstrip("+~").split("."):
        if not hasattr(known, "keys") or part not in known:
            names = [str(key) for key in known] if hasattr(known, "keys") else []
            hint = did_you_mean(part, names) if names else f"{name.rpartition('.')[0]} has no parts"
            return f"{override!r}: verl has no {name}; {hint} (+{name} adds one)"
        known = known[part]
    reason = re.sub(r"\s+", " ", str(error))
    return f"{override!r}: {reason[:200]}"
