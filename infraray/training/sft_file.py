"""Fine-tuning on experts' episodes, as a YAML file asks for it."""

from __future__ import annotations

import re
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from infraray.engines import EngineSpec, read_engine_spec
from infraray.errors import did_you_mean
from infraray.runs.run_file import read_section
from infraray.runs.seeds import Seeds
from infraray.strict import StrictModel
from infraray.training.dataset import TrainingSection
from infraray.trajectories.exporters.sft import SETS
from infraray.written_file import TRAINING, WrittenFile
from infraray.yaml_file import Place

ALL = "all"
"""The set of all episodes."""


class SftEvaluation(StrictModel):
    """What base and tuned models are measured on."""

    scenarios: list[Annotated[TrainingSection, BeforeValidator(read_section)]] = Field(min_length=1)
    seeds: Seeds = Field(description="none of which a model is trained on")
    chat: dict[str, Any] = Field(default={}, description="options of the chat agent")
    against: list[str] = Field(default=[], description="agents that play the same tasks")
    engine: dict[str, Any] = Field(default={}, description="the engine that serves the models, as in a run's 'engines'")


class SftSpec(WrittenFile):
    """A fine-tuning, as written in a YAML file: one model for each set of episodes."""

    kind = TRAINING

    model: str = Field(description="a folder, or a name on the Hugging Face hub")
    run: str = Field(description="the folder of the run whose episodes are learnt from")
    agent: str | None = Field(default=None, description="only of agents that match, such as 'scripted:*'")
    sets: list[str] = Field(default=[ALL], min_length=1, description="'all', or of NetArena's sets by level")
    correct_only: bool = True
    safe_only: bool = True
    least_score: float | None = Field(default=None, description="the smallest normalised score of an episode")

    epochs: float = Field(default=3.0, gt=0)
    learning_rate: float = Field(default=1e-5, gt=0)
    batch_size: int = Field(default=32, ge=1, description="conversations of an update")
    micro_batch: int = Field(default=4, ge=1, description="conversations in one pass")
    max_tokens: int = Field(default=4096, ge=16, description="of a conversation; what follows is cut off")
    seed: int = Field(default=0, ge=0, lt=2**31)
    gpus: int = Field(default=1, ge=0, description="of one node; 0 trains on its CPUs")
    evaluation: SftEvaluation | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        known = (ALL, *SETS)
        for name in self.sets:
            if name not in known:
                raise ValueError(f"sets={name!r}: no such set; {did_you_mean(name, known)}")
        if len(set(self.sets)) < len(self.sets):
            raise ValueError(f"sets={self.sets!r}: must name each set once")
        if self.batch_size % self.micro_batch:
            raise ValueError(f"micro_batch={self.micro_batch}: must divide batch_size={self.batch_size}")
        return self

    def engine_spec(self, name: str, model: str) -> EngineSpec:
        """The engine that serves a model for the evaluation.

        Raises:
            InfrarayError: its options are wrong.
        """
        given = self.evaluation.engine if self.evaluation is not None else {}
        return read_engine_spec({**given, "name": name, "model": model})

    def nearer(self, line: str, place: Place) -> tuple[Place, str]:
        """An error that begins with a field is about that field's line."""
        field = re.match(r"(\w+)[:=]", line)
        if field and field[1] in type(self).model_fields:
            return (field[1],), line
        return super().nearer(line, place)
