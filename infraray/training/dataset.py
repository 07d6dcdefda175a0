"""The data set of a training: Parquet in verl's columns, one row a task, from a few lines that say which.

A row holds no prompt to speak of: what the policy is shown comes from the environment as it is played. All that its
rollouts need is one JSON text in ``extra_info`` (`TrainingTask`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BeforeValidator, Field, ValidationError

from infraray.curriculum.emphasis import Emphasis
from infraray.environment import INVALID_PENALTY, InvalidActionPolicy
from infraray.errors import InfrarayError, Refusals, refusal
from infraray.registration import find
from infraray.runs.run_file import read_section
from infraray.runs.seeds import Seeds
from infraray.strict import StrictModel
from infraray.training.task import AGENT_NAME, MAX_STEPS, TASK_KEY, TrainingTask

TRAIN, HELD_OUT = "train", "held_out"

COLUMNS = pa.schema(
    [
        pa.field("data_source", pa.string()),
        pa.field("agent_name", pa.string()),
        pa.field("prompt", pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))),
        pa.field("ability", pa.string()),
        pa.field("reward_model", pa.struct([("style", pa.string()), ("ground_truth", pa.string())])),
        pa.field("extra_info", pa.struct([("split", pa.string()), ("index", pa.int64()), (TASK_KEY, pa.string())])),
    ]
)
"""Without ``agent_name``, verl would silently take its loop of a single turn."""


class TrainingSection(StrictModel):
    """One scenario with its parameters."""

    scenario: str
    label: str | None = Field(default=None, description="what the figures are called by; the scenario's name if null")
    preset: str | None = None
    parameters: dict[str, Any] = {}
    levels: list[int] = Field(default=[1], min_length=1, description="each seed is played on each of them")
    max_steps: int = Field(default=MAX_STEPS, ge=1, description="steps of an episode")
    text: bool = True
    invalid_action: InvalidActionPolicy = "retry"
    invalid_penalty: float = INVALID_PENALTY


class CurriculumSection(StrictModel):
    """Which tasks are drawn more often, since an agent fails there."""

    probe: str = Field(description="the folder of a finished probe")
    agent: str | None = Field(default=None, description="whose regions; needed if several were probed")
    share: float = Field(default=0.5, gt=0, le=1, description="of the tasks of the probe's scenario")


class TrainingSet(StrictModel):
    """What a policy is trained on, and what it is tried on."""

    scenarios: list[Annotated[TrainingSection, BeforeValidator(read_section)]] = Field(min_length=1)
    seeds: Seeds = Field(description="of the tasks to train on")
    held_out: Seeds = Field(description="of the tasks to try it on, none of which it is trained on")
    chat: dict[str, Any] = Field(default={}, description="options of the chat agent: strategy, memory, max_tokens, ...")
    reward: str = "normalized"
    unsafe_penalty: float = Field(default=0.0, ge=0)
    curriculum: CurriculumSection | None = Field(default=None, description="of the tasks to train on")

    @classmethod
    def parse(cls, values: Any) -> TrainingSet:
        """Reads plain data, as from YAML.

        Raises:
            InfrarayError: one line for everything that is wrong.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise refusal(error, cls) from None

    def check(self) -> None:
        """Finds what is wrong before anything is written.

        Raises:
            InfrarayError: one line for everything that is.
        """
        refusals = Refusals()
        with refusals.collecting():
            shared = sorted(set(self.seeds) & set(self.held_out))
            if shared:
                raise InfrarayError(
                    f"held_out: {len(shared)} of its seeds, the first {shared[0]}, are trained on; give it others, "
                    f"such as '{max(self.seeds) + 1}:{max(self.seeds) + 1 + len(self.held_out)}'"
                )
        for section in self.scenarios:
            for level in section.levels:
                with refusals.collecting():
                    self._task(section, level).check()
        with refusals.collecting():
            self._emphasis()
        refusals.refuse()

    def tasks(self, split: str) -> Iterator[tuple[str, TrainingTask]]:
        """The tasks of a split, each with its label; seed by seed, so that a beginning holds all scenarios and levels.

        Args:
            split: `TRAIN` or `HELD_OUT`.
        """
        kinds = list(self.kinds())
        emphasis = self._emphasis() if split == TRAIN else None
        random = Random("curriculum")
        for seed in self.seeds if split == TRAIN else self.held_out:
            for label, task in kinds:
                found: dict[str, Any] = {"seed": seed}
                if emphasis is not None and task.scenario == emphasis.registration.id:
                    assert self.curriculum is not None
                    if random.random() < self.curriculum.share:
                        found = dataclasses.asdict(emphasis.draw(random, tuple(self.seeds)))
                yield label, task.model_copy(update=found)

    def _emphasis(self) -> Emphasis | None:
        """The regions that are drawn more often.

        Raises:
            InfrarayError: the probe's folder cannot be used, or its scenario is not trained on.
        """
        if self.curriculum is None:
            return None
        try:
            found = Emphasis(self.curriculum.probe, self.curriculum.agent)
        except InfrarayError as error:
            raise InfrarayError(f"curriculum: {error}") from None
        if found.registration.id not in {find(section.scenario).id for section in self.scenarios}:
            raise InfrarayError(f"curriculum: its probe is of {found.registration.name}, which is not trained on")
        return found

    def kinds(self) -> Iterator[tuple[str, TrainingTask]]:
        """A task of each scenario on each level, with its label; the seed is to be filled in."""
        for section in self.scenarios:
            for level in section.levels:
                label = section.label or find(section.scenario).name
                yield label if len(section.levels) == 1 else f"{label}-level-{level}", self._task(section, level)

    def run_sections(self) -> list[dict[str, Any]]:
        """The same tasks as a run's section ``scenarios`` describes them."""
        sections = []
        for label, task in self.kinds():
            section: dict[str, Any] = {
                "scenario": task.scenario,
                "label": label,
                "parameters": task.parameters,
                "level": task.level,
                "text": task.text,
                "invalid_action": task.invalid_action,
                "max_episode_steps": task.max_steps,
            }
            if task.invalid_action == "penalty":
                section["invalid_penalty"] = task.invalid_penalty
            sections.append(section)
        return sections

    def _task(self, section: TrainingSection, level: int) -> TrainingTask:
        """The tasks of a section on a level; the seed is to be filled in."""
        found = find(section.scenario)
        environment = found.environment_class()(preset=section.preset, level=level, **section.parameters)
        return TrainingTask(
            scenario=found.id,
            parameters=environment.parameters.model_dump(mode="json"),
            level=level,
            seed=0,
            max_steps=section.max_steps,
            text=section.text,
            invalid_action=section.invalid_action,
            invalid_penalty=section.invalid_penalty,
            chat=self.chat,
            reward=self.reward,
            unsafe_penalty=self.unsafe_penalty,
        )


def write_data(described: TrainingSet, folder: Path) -> tuple[Path, Path]:
    """Writes ``train.parquet`` and ``held_out.parquet``; returns their paths.

    Raises:
        InfrarayError: the description is wrong, or the folder cannot be written.
    """
    described.check()
    paths = []
    for split in (TRAIN, HELD_OUT):
        rows = [_row(split, index, label, task) for index, (label, task) in enumerate(described.tasks(split))]
        path = folder / f"{split}.parquet"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            pq.write_table(pa.Table.from_pylist(rows, schema=COLUMNS), path)
        except OSError as error:
            raise InfrarayError(
                f"{path}: cannot be written ({error.strerror or error}); choose another folder"
            ) from None
        paths.append(path)
    return paths[0], paths[1]


def _row(split: str, index: int, label: str, task: TrainingTask) -> dict[str, Any]:
    return {
        "data_source": label,
        "agent_name": AGENT_NAME,
        "prompt": [{"role": "user", "content": f"{label}, level {task.level}, seed {task.seed}"}],
        "ability": label,
        "reward_model": {"style": "rule", "ground_truth": ""},
        "extra_info": {"split": split, "index": index, TASK_KEY: task.model_dump_json()},
    }
