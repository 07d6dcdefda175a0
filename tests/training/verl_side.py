"""verl's side of a training step on the CPU: all of it is verl's own but the server that generates.

The server is a stand-in that draws from a real model, or says what it is told to with that model's log-probabilities.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import torch
import verl.trainer.ppo.v1.agent_loop_tq as agent_loop_tq
import yaml
from hydra import compose, initialize_config_module
from transformers import AutoModelForCausalLM, AutoTokenizer
from verl.protocol import DataProto
from verl.trainer.ppo.v1.utils import compute_advantage_for_multi_trajectories
from verl.utils.dataset.rl_dataset import RLHFDataset, collate_fn
from verl.workers.rollout.replica import TokenOutput

from infraray.training.dataset import TrainingSet, write_data

SCENARIO = {"scenario": "load_balance", "parameters": {"warmup_steps": 2}, "max_steps": 6}
SAID = '{"server": 1}'


class StandIn:
    """What `server_manager` is to an agent loop.

    Args:
        folder: the policy's.
        says: answers by session, given in turn, the last one for ever; None to draw them.
    """

    def __init__(self, folder: Path, says: Callable[[int], Sequence[str]] | None = None) -> None:
        self.model = AutoModelForCausalLM.from_pretrained(folder).eval()
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.says = says
        self.version = 7
        self.asked: dict[str, int] = {}
        """Requests by episode."""
        self.before: Callable[[int, int], Any] | None = None
        """Called before each answer with the episode's and the request's number."""

    async def generate(
        self, request_id: str, *, prompt_ids: list[int], sampling_params: Mapping[str, Any], **_: Any
    ) -> TokenOutput:
        number = self.asked.get(request_id, 0)
        self.asked[request_id] = number + 1
        episode = list(self.asked).index(request_id)
        if self.before is not None:
            await self.before(episode, number)
        ids, logprobs = await asyncio.to_thread(self._answer, episode, number, prompt_ids, sampling_params)
        versions = {"min_global_steps": self.version, "max_global_steps": self.version + number}
        return TokenOutput(token_ids=ids, log_probs=logprobs, stop_reason="completed", extra_fields=versions)

    def _answer(
        self, episode: int, number: int, prompt_ids: list[int], sampling_params: Mapping[str, Any]
    ) -> tuple[list[int], list[float]]:
        most = sampling_params["max_tokens"]
        if self.says is not None:
            answers = self.says(episode)
            text = answers[min(number, len(answers) - 1)]
            ids = [*self.tokenizer.encode(text, add_special_tokens=False), self.tokenizer.eos_token_id][:most]
            return ids, self.logprobs([*prompt_ids, *ids])[-len(ids) :]
        ids, logprobs = [], []
        with torch.no_grad():
            output = self.model(torch.tensor([prompt_ids]), use_cache=True)
            while True:
                distribution = output.logits[0, -1].log_softmax(-1)
                ids.append(int(torch.multinomial(distribution.exp(), 1)))
                logprobs.append(float(distribution[ids[-1]]))
                if len(ids) == most or ids[-1] == self.tokenizer.eos_token_id:
                    return ids, logprobs
                output = self.model(torch.tensor([ids[-1:]]), past_key_values=output.past_key_values, use_cache=True)

    def logprobs(self, ids: list[int]) -> list[float]:
        """The trainer's: the log-probability of each token after the first, in one forward pass."""
        with torch.no_grad():
            logits = self.model(torch.tensor([ids])).logits[0, :-1].log_softmax(-1)
        return logits.gather(-1, torch.tensor(ids[1:]).unsqueeze(-1)).squeeze(-1).tolist()


class Trainer:
    """verl from the data set to the advantages.

    Args:
        policy_folder: the policy's.
        folder: for its files.
        monkeypatch: replaces the queue between rollout and trainer by lists.
        collector: of the rollouts, named after the folder.
    """

    def __init__(self, policy_folder: Path, folder: Path, monkeypatch: Any, collector: Any) -> None:
        self.collector = collector
        self.policy_folder = policy_folder
        self.folder = folder
        self.rows: dict[str, dict[str, Any]] = {}
        """What was put into the queue, by its key ``uid_session_index``."""
        self.tags: dict[str, dict[str, Any]] = {}

        async def put(key: str, partition_id: str, tag: dict[str, Any]) -> None:
            self.tags[key] = tag

        async def put_batch(keys: list[str], fields: Any, tags: list[dict[str, Any]], partition_id: str) -> None:
            for place, (key, tag) in enumerate(zip(keys, tags, strict=True)):
                self.rows[key] = {name: _unwrapped(fields[name][place]) for name in fields.keys()}
                self.tags[key] = tag

        monkeypatch.setattr(agent_loop_tq.tq, "init", lambda: None)
        monkeypatch.setattr(agent_loop_tq.tq, "async_kv_put", put)
        monkeypatch.setattr(agent_loop_tq.tq, "async_kv_batch_put", put_batch)

    def step(
        self,
        chat: Mapping[str, Any],
        server: StandIn,
        n: int = 2,
        tasks: int = 1,
        overrides: Sequence[str] = (),
        loop: Mapping[str, Any] | None = None,
        **described: Any,
    ) -> list[str]:
        """Rolls out ``n`` rollouts of each task; returns how each group ended.

        Args:
            chat: options of the chat agent.
            server: what generates.
            n: rollouts in a group.
            tasks: groups.
            overrides: of verl's configuration.
            loop: options of our agent loop.
            described: further fields of the data set's description.
        """
        described = {"scenarios": [SCENARIO], "seeds": tasks, "held_out": "50:52", "chat": dict(chat), **described}
        train, _ = write_data(TrainingSet.parse(described), self.folder / "data")
        loops = self.folder / "loops.yaml"
        target = {
            "name": "infraray",
            "_target_": "infraray.training.agent_loop.InfrarayAgentLoop",
            "training": "tested",
            "collector": f"rollouts-{self.folder.name}",
            **(loop or {}),
        }
        loops.write_text(yaml.safe_dump([target]))
        self.config = configuration(self.policy_folder, loops, n, overrides)
        # The class behind Ray's: verl has no other way to run it in this process.
        worker_class = agent_loop_tq.AgentLoopWorkerTQ.__ray_metadata__.modified_class
        worker = worker_class(self.config, llm_client=server)
        dataset = RLHFDataset(str(train), worker.tokenizer, self.config.data)
        batch = collate_fn([dataset[place] for place in range(len(dataset))])
        sampling = {"temperature": 1.0, "top_p": 1.0, "top_k": -1, "repetition_penalty": 1.0, "logprobs": True}

        async def run() -> list[str]:
            uids = [uuid4().hex for _ in range(tasks)]
            prompts = [{name: values[place] for name, values in batch.items()} for place in range(tasks)]
            await asyncio.gather(
                *(
                    worker._run_prompt({**prompt, "uid": uid, "global_steps": 1}, sampling, trajectory=trajectory())
                    for prompt, uid in zip(prompts, uids, strict=True)
                )
            )
            return [self.tags[uid]["status"] for uid in uids]

        return asyncio.run(run())

    def sessions(self) -> dict[str, list[dict[str, Any]]]:
        """The rows of each rollout, by ``uid_session``."""
        found: dict[str, list[dict[str, Any]]] = {}
        for key in sorted(self.rows, key=lambda key: (key.rsplit("_", 1)[0], int(key.rsplit("_", 1)[1]))):
            found.setdefault(key.rsplit("_", 1)[0], []).append(self.rows[key])
        return found

    def advantages(self, estimator: str = "grpo") -> dict[str, torch.Tensor]:
        """verl's advantages of each row's response, by key."""
        keys = list(self.rows)
        rows = [self.rows[key] for key in keys]

        def padded(name: str) -> torch.Tensor:
            return torch.nn.utils.rnn.pad_sequence([row[name] for row in rows], batch_first=True)

        data = DataProto.from_dict(
            tensors={
                "response_mask": padded("response_mask"),
                "responses": padded("responses"),
                "token_level_rewards": padded("rm_scores"),
            },
            non_tensors={"uid": [key.split("_")[0] for key in keys]},
        )
        found = compute_advantage_for_multi_trajectories(data, keys, estimator, config=self.config.algorithm)
        return dict(zip(keys, found.batch["advantages"], strict=True))


def configuration(policy_folder: Path, loops: Path, n: int, overrides: Sequence[str] = ()) -> Any:
    """verl's own, composed by hydra."""
    with initialize_config_module("verl.trainer.config", version_base=None):
        return compose(
            "ppo_trainer",
            overrides=[
                "algorithm.adv_estimator=grpo",
                "data.max_prompt_length=2000",
                f"+data.cache_dir={loops.parent}",
                "data.max_response_length=4000",
                "data.filter_overlong_prompts_workers=1",
                f"actor_rollout_ref.model.path={policy_folder}",
                "+actor_rollout_ref.model.override_config.attn_implementation=sdpa",
                "actor_rollout_ref.rollout.name=vllm",
                f"actor_rollout_ref.rollout.n={n}",
                f"actor_rollout_ref.rollout.agent.agent_loop_config_path={loops}",
                *overrides,
            ],
        )


def trajectory() -> dict[str, Any]:
    return {"step": 1, "sample_index": 0, "rollout_n": 0, "validate": False}


def _unwrapped(value: Any) -> Any:
    return getattr(value, "data", value) if not isinstance(value, torch.Tensor) else value
