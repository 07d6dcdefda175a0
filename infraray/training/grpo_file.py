"""A training with GRPO, as a YAML file asks for it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from infraray.engines import EngineSpec, read_engine_spec
from infraray.runs.run_file import read_section
from infraray.runs.seeds import Seeds
from infraray.seeds import SeedRange
from infraray.strict import StrictModel
from infraray.training.dataset import CurriculumSection, TrainingSection, TrainingSet
from infraray.written_file import TRAINING, WrittenFile
from infraray.yaml_file import Place


class EnvironmentsSection(StrictModel):
    """Where environments are played, and how long is waited for them."""

    episode_s: float = Field(default=600.0, gt=0, description="then an episode ends with what was scored so far")
    environment_s: float = Field(default=120.0, gt=0, description="without an answer, it counts as hung")
    attempts: int = Field(default=3, ge=1, description="times that a rollout is begun, since environments fail")
    actor_options: dict[str, Any] = Field(
        default={}, description="Ray's options of the actors that play them: num_cpus, resources, ..."
    )


class StepCreditSection(StrictModel):
    """Credit between steps that began in the same state (GiGPO), beside that of whole episodes."""

    weight: float = Field(default=1.0, gt=0, description="of a step's advantage; the episode's weighs 1")
    discount: float = Field(default=0.95, ge=0, le=1, description="of the rewards of each further step")


class CollectedSection(StrictModel):
    """A run of the base policy whose episodes are trained from before new ones are played."""

    run: str = Field(description="its folder; its agent was played with temperature=1 and logprobs=true")
    agent: str | None = Field(default=None, description="whose episodes; needed if several of it ask a model")
    max_staleness: int = Field(default=4, ge=0, description="updates of the policy after which they are not taken")

    @property
    def folder(self) -> str:
        """The run's folder for processes that work in another one."""
        return str(Path(self.run).resolve())


class EvaluationSection(StrictModel):
    """What the trained policy is measured beside, on the held-out seeds."""

    against: list[str] = Field(default=["scripted:*"], description="agents that play the same tasks")
    engine: dict[str, Any] = Field(
        default={}, description="the engine that serves base and trained policy, as in a run's 'engines'"
    )


class GrpoSpec(WrittenFile):
    """A training with GRPO, as written in a YAML file."""

    kind = TRAINING

    model: str = Field(description="a folder, a name on the Hugging Face hub, or infraray for ours")
    scenarios: list[Annotated[TrainingSection, BeforeValidator(read_section)]] = Field(min_length=1)
    seeds: Seeds = Field(description="of the tasks to train on")
    held_out: Seeds = Field(description="of the tasks to try it on, none of which it is trained on")
    chat: dict[str, Any] = {}
    reward: str = "normalized"
    unsafe_penalty: float = Field(default=0.0, ge=0)
    curriculum: CurriculumSection | None = Field(default=None, description="which tasks are trained on more often")

    collected: CollectedSection | None = Field(default=None, description="what is trained from first")
    step_credit: StepCreditSection | None = Field(default=None, description="null compares whole episodes alone")

    steps: int = Field(ge=1, description="updates of the policy")
    prompts_per_step: int = Field(default=16, ge=1, description="tasks, each played by a group")
    group_size: int = Field(default=8, ge=2, description="rollouts of a task, which are compared with each other")
    learning_rate: float = Field(default=1e-6, gt=0)
    kl: float = Field(default=0.0, ge=0, description="weight of the divergence from the base policy; 0 for none")
    temperature: float = Field(default=1.0, gt=0)
    filter_groups: bool = Field(default=True, description="replace groups whose rollouts all earn the same")
    max_prompt_tokens: int = Field(default=2048, ge=16, description="of a sequence's first prompt")
    max_response_tokens: int = Field(default=4096, ge=16, description="of a sequence after it, observations included")
    micro_batch: int = Field(default=4, ge=1, description="sequences in one pass of a GPU")
    seed: int = Field(default=0, ge=0, lt=2**31, description="of the order of the tasks")

    engine: Literal["vllm", "sglang", "trtllm"] = "vllm"
    mode: Literal["sync", "colocate_async", "separate_async"] = "sync"
    gpus: int = Field(default=1, ge=1, description="of each node, for the trainer")
    nodes: int = Field(default=1, ge=1)
    rollout_gpus: int = Field(default=1, ge=1, description="of each node, for generation alone; with separate_async")
    engine_gpus: int = Field(default=1, ge=1, description="over which one engine is spread")

    max_probability_difference: float = Field(
        default=0.02, gt=0, description="mean over tokens, between engine and trainer, at which the training stops"
    )
    save_every: int = Field(default=10, ge=1, description="steps between checkpoints")
    test_every: int = Field(default=0, ge=0, description="steps between trials on the held-out seeds; 0 for none")
    environments: EnvironmentsSection = EnvironmentsSection()
    evaluation: EvaluationSection | None = EvaluationSection()
    overrides: list[str] = Field(default=[], description="everything else of verl's configuration, as NAME=VALUE")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.mode != "separate_async" and "rollout_gpus" in self.model_fields_set:
            raise ValueError(
                f"rollout_gpus={self.rollout_gpus}: has no effect with mode: {self.mode}, which generates on the "
                "trainer's GPUs; leave it out"
            )
        if self.collected is not None and self.mode != "sync":
            raise ValueError(f"collected: needs mode: sync, in which it is known how old a policy is, not {self.mode}")
        if self.collected is not None and self.reward == "shaped":
            raise ValueError(
                "reward='shaped': a run does not record the random agent's worst step, by which 'collected' would be "
                "paid; take normalized"
            )
        if self.test_every % self.save_every:
            raise ValueError(
                f"test_every={self.test_every}: must be a multiple of save_every={self.save_every}, since a trial "
                f"judges a checkpoint; take {max(1, self.test_every // self.save_every) * self.save_every}"
            )
        if self._is_chosen and len(self.held_out) < 2:
            raise ValueError(
                "held_out: has one seed, and trials and evaluation take every second one each; give it two or more"
            )
        if (self.gpus * self.nodes) % self.engine_gpus:
            raise ValueError(
                f"engine_gpus={self.engine_gpus}: must divide the {self.gpus * self.nodes} GPUs; take 1 or a divisor"
            )
        return self

    @property
    def _is_chosen(self) -> bool:
        return self.test_every > 0 and self.evaluation is not None

    @property
    def trial_seeds(self) -> SeedRange | tuple[int, ...]:
        """The held-out seeds of the trials, by which a checkpoint is chosen."""
        return tuple(self.held_out)[::2] if self._is_chosen else self.held_out

    @property
    def table_seeds(self) -> SeedRange | tuple[int, ...]:
        """The held-out seeds of the evaluation, by which nothing was chosen."""
        return tuple(self.held_out)[1::2] if self._is_chosen else self.held_out

    def training_set(self) -> TrainingSet:
        """What is trained on."""
        return TrainingSet(
            scenarios=self.scenarios,
            seeds=self.seeds,
            held_out=self.held_out,
            chat=self.chat,
            reward=self.reward,
            unsafe_penalty=self.unsafe_penalty,
            curriculum=self.curriculum,
        )

    def engine_spec(self, name: str, model: str) -> EngineSpec:
        """The engine that serves a policy for the evaluation.

        Raises:
            InfrarayError: its options are wrong.
        """
        given = self.evaluation.engine if self.evaluation is not None else {}
        return read_engine_spec({"engine": self.engine, **given, "name": name, "model": model})

    def nearer(self, line: str, place: Place) -> tuple[Place, str]:
        """An error that begins with a field is about that field's line."""
        field = re.match(r"(\w+)[:=]", line)
        if field and field[1] in type(self).model_fields:
            return (field[1],), line
        return super().nearer(line, place)
