"""verl's trainer on the CPU: a stand-in for what generates and for what updates; all else is verl's and ours.

``python -m tests.training.stand_in_trainer FILE OUT [DIE_AFTER]`` trains; with DIE_AFTER, the process that was
given the command is killed when the policy is asked that often.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import ray
import torch
import transfer_queue as tq
import verl.trainer.ppo.v1 as v1
from tensordict import TensorDict
from transformers import AutoModelForCausalLM, AutoTokenizer
from verl.trainer.ppo.v1.trainer_sync import PPOTrainerSync
from verl.workers.rollout.replica import TokenOutput

from infraray.training import verl_trainer

SHIFT = "STAND_IN_SHIFT"
"""An environment variable: what is added to the engine's log-probabilities, as a fault would."""


class Server:
    """Generates: draws an action that fits the scenario, and gives the model's log-probabilities of it."""

    def __init__(self, folder: str, die_after: int, driver: int) -> None:
        torch.set_num_threads(1)
        self.model = AutoModelForCausalLM.from_pretrained(folder).eval()
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.version = 0
        self.requests = 0
        self.die_after = die_after
        self.driver = driver
        self.generator = torch.Generator().manual_seed(os.getpid())

    def update(self, state: dict[str, Any] | None, version: int) -> None:
        if state is not None:
            self.model.load_state_dict(state)
        self.version = version

    def generate(self, prompt_ids: list[int], most: int) -> tuple[list[int], list[float], int]:
        self.requests += 1
        if self.requests == self.die_after:
            time.sleep(5)  # what was answered before is collected meanwhile
            os.kill(self.driver, signal.SIGKILL)
            time.sleep(3600)
        server = int(torch.randint(3, (1,), generator=self.generator)) + 1
        said = f'{{"server": {server}}}' if torch.rand(1, generator=self.generator) < 0.8 else "what?"
        ids = [*self.tokenizer.encode(said, add_special_tokens=False), self.tokenizer.eos_token_id][:most]
        with torch.no_grad():
            logits = self.model(torch.tensor([[*prompt_ids, *ids]])).logits[0, :-1].log_softmax(-1)
        drawn = logits[-len(ids) :].gather(-1, torch.tensor(ids).unsqueeze(-1)).squeeze(-1)
        shift = float(os.environ.get(SHIFT, "0"))
        return ids, [value + shift for value in drawn.tolist()], self.version

    def asked(self) -> int:
        return self.requests


class Client:
    """What an agent loop asks."""

    def __init__(self, server: Any) -> None:
        self.server = server

    async def generate(self, request_id: str, *, prompt_ids: list[int], sampling_params: Any, **_: Any) -> TokenOutput:
        ids, logprobs, version = await self.server.generate.remote(prompt_ids, sampling_params["max_tokens"])
        versions = {"min_global_steps": version, "max_global_steps": version}
        return TokenOutput(token_ids=ids, log_probs=logprobs, stop_reason="completed", extra_fields=versions)


class Workers:
    """What verl's group of workers is to its trainer: log-probabilities, updates, checkpoints."""

    _dispatch_info: ClassVar = {"actor": [0]}

    def __init__(self, folder: str, learning_rate: float) -> None:
        self.model = AutoModelForCausalLM.from_pretrained(folder)
        self.optimizer = torch.optim.SGD(self.model.parameters(), learning_rate)

    def compute_log_prob(self, batch: Any) -> Any:
        data = tq.kv_batch_get(keys=batch.keys, partition_id=batch.partition_id, select_fields=["input_ids"])
        logprobs, entropies = [], []
        for ids in data["input_ids"].unbind():
            found, entropy = self._forward(ids)
            # As verl's engines give them: one for each token, that of the next.
            logprobs.append(torch.cat([found, found.new_zeros(1)]).detach())
            entropies.append(torch.cat([entropy, entropy.new_zeros(1)]).detach())
        fields = {
            name: torch.nested.as_nested_tensor(values, layout=torch.jagged)
            for name, values in (("log_probs", logprobs), ("entropy", entropies))
        }
        return tq.kv_batch_put(
            keys=batch.keys, partition_id=batch.partition_id, fields=TensorDict(fields, batch_size=len(batch))
        )

    def update_actor(self, batch: Any) -> TensorDict:
        names = ["input_ids", "response_mask", "advantages"]
        data = tq.kv_batch_get(keys=batch.keys, partition_id=batch.partition_id, select_fields=names)
        loss = torch.zeros(())
        for ids, mask, advantages in zip(*(data[name].unbind() for name in names), strict=True):
            logprobs, _ = self._forward(ids)
            loss = loss - (logprobs[-len(mask) :] * advantages * mask).sum() / len(batch)
        self.optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        return {"metrics": {"loss": [float(loss)], "grad_norm": [float(norm)], "mfu": 0.0}}  # type: ignore[return-value]

    def _forward(self, ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        logits = self.model(ids.unsqueeze(0)).logits[0, :-1].log_softmax(-1)
        entropy = -(logits.exp() * logits).sum(-1)
        return logits.gather(-1, ids[1:].unsqueeze(-1)).squeeze(-1), entropy

    def save_checkpoint(self, path: str, *_: Any, **__: Any) -> None:
        self.model.save_pretrained(Path(path) / "huggingface")

    def load_checkpoint(self, local_path: str, **_: Any) -> None:
        self.model = AutoModelForCausalLM.from_pretrained(Path(local_path) / "huggingface")
        self.optimizer = torch.optim.SGD(self.model.parameters(), self.optimizer.param_groups[0]["lr"])


class StandInTrainer(PPOTrainerSync):
    """verl's trainer without GPUs."""

    def _setup(self) -> None:
        model = self.config.actor_rollout_ref.model.path
        self._init_tokenizer()
        self._init_dataloader()
        self._init_dump_executor()
        self.resource_pool_manager = SimpleNamespace(get_n_gpus=lambda: 1)
        self.reward_loop_manager = SimpleNamespace(reward_loop_worker_handles=[])
        self.actor_rollout_wg = workers = Workers(model, self.config.actor_rollout_ref.actor.optim.lr)
        die_after, driver = int(os.environ.get("DIE_AFTER", "0")), int(os.environ["STAND_IN_DRIVER"])
        self.server = server = ray.remote(num_cpus=0)(Server).remote(model, die_after, driver)
        self.llm_server_manager = SimpleNamespace(get_client=lambda: Client(server))
        self.teacher_model_manager = None
        self.checkpoint_manager = SimpleNamespace(
            sleep_replicas=lambda: None,
            update_weights=lambda step: ray.get(server.update.remote(workers.model.state_dict(), step)),
        )
        self._load_checkpoint()


class StandInTrainerActor(verl_trainer.TrainerActor):
    """The actor, with verl's synchronous trainer in place of the one that needs GPUs."""

    def train(self, *arguments: Any) -> None:
        v1.get_trainer_cls = lambda name: StandInTrainer
        super().train(*arguments)


def train(file: str, out: str, quiet: bool = True) -> None:
    from infraray.training.grpo import train_grpo

    verl_trainer.TrainerActor = StandInTrainerActor  # type: ignore[misc]
    os.environ["STAND_IN_DRIVER"] = str(os.getpid())
    train_grpo(file, Path(out), quiet, num_cpus=8)


if __name__ == "__main__":
    from tests.training import stand_in_trainer

    os.environ["DIE_AFTER"] = sys.argv[3] if len(sys.argv) > 3 else "0"
    stand_in_trainer.train(sys.argv[1], sys.argv[2], quiet=False)
