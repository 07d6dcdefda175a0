"""What `infraray export --to sft` writes is read as it is by `datasets`, by TRL's trainer and by verl's data set."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infraray.registration import find, register, registered
from infraray.trajectories.exporters.export import export
from infraray.trajectories.exporters.sft import SETS
from tests.core.toy import Lamp
from tests.exporters.runs import play_scenarios

pytestmark = pytest.mark.filterwarnings("default")

SHORT: dict[str, dict[str, Any]] = {
    "abr": {"parameters": {"warmup_steps": 2, "scored_steps": 4}},
    "caching": {"parameters": {"warmup_requests": 4, "scored_requests": 8}},
    "capacity_planning": {"preset": "small"},
    "kubernetes_policy": {},
    "load_balance": {"parameters": {"warmup_steps": 2, "scored_steps": 4}},
    "routing": {"parameters": {"num_subnets": 2, "hosts_per_subnet": 2}},
}
"""Sections of a run whose episodes are over soon; those of ``inference`` launch engines for minutes."""


class LeveledLamp(Lamp):
    """A lamp on three levels."""

    scenario = "leveled_lamp"
    levels = (1, 2, 3)


register("tests/LeveledLamp-v0", name="leveled_lamp", entry_point=LeveledLamp)


def test_there_is_a_section_for_each_scenario() -> None:
    ours = {found.name for found in registered() if found.id.startswith("infraray/")}
    assert ours - {"inference"} == SHORT.keys()


@pytest.fixture(scope="module", params=sorted(SHORT))
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The expert's episodes of a scenario, in Parquet and in JSONL."""
    scenario = request.param
    problem = find(scenario).environment_class().problem()
    if problem is not None:
        pytest.skip(problem)
    folder = tmp_path_factory.mktemp(scenario)
    expert = find(scenario).environment_class().expert
    play_scenarios(folder / "run", [{"scenario": scenario, **SHORT[scenario]}], [str(expert)], seeds=2)
    for name in ("sft.parquet", "sft.jsonl"):
        export(folder / "run", "sft", out=folder / name, quiet=True)
    yield folder


@pytest.fixture(scope="module")
def tokenizer(policy_folder: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(policy_folder)


def answers(messages: list[dict[str, Any]]) -> list[str]:
    return [message["content"] for message in messages if message["role"] == "assistant"]


def rows_of(path: Path) -> Any:
    from datasets import load_dataset

    kind = {".parquet": "parquet", ".jsonl": "json"}[path.suffix]
    return load_dataset(kind, data_files=str(path), split="train", cache_dir=str(path.parent / "cache"))


def verl_rows(path: Path, tokenizer: Any) -> Any:
    from omegaconf import OmegaConf
    from verl.utils.dataset.multiturn_sft_dataset import MultiTurnSFTDataset

    asked = OmegaConf.create({"messages_key": "messages", "max_length": 2**16, "pad_mode": "no_padding"})
    return MultiTurnSFTDataset(str(path), tokenizer, asked)


def test_datasets_reads_both_forms_alike(exported: Path) -> None:
    parquet, lines = (
        # Lines that show every type come first.
        {row["metadata"]["seed"]: row["messages"] for row in rows_of(exported / name)}
        for name in ("sft.parquet", "sft.jsonl")
    )
    assert parquet == lines and len(parquet) == 2
    assert all(answers(messages) for messages in parquet.values())


@pytest.mark.parametrize("name", ["sft.parquet", "sft.jsonl"])
def test_trl_trains_on_it(exported: Path, name: str, policy_folder: Path, tokenizer: Any, tmp_path: Path) -> None:
    from trl import SFTConfig, SFTTrainer

    rows = rows_of(exported / name)
    settings = SFTConfig(
        output_dir=str(tmp_path),
        max_steps=1,
        per_device_train_batch_size=2,
        max_length=None,
        use_cpu=True,
        bf16=False,
        report_to=[],
        save_strategy="no",
    )
    trainer = SFTTrainer(model=str(policy_folder), args=settings, train_dataset=rows, processing_class=tokenizer)
    for row, learned in zip(rows, trainer.train_dataset, strict=True):
        text = tokenizer.decode(learned["input_ids"])
        assert all(answer in text for answer in answers(row["messages"]))
    trainer.train()


def test_verl_learns_the_answers_and_nothing_else(exported: Path, tokenizer: Any) -> None:
    rows, learned = rows_of(exported / "sft.parquet"), verl_rows(exported / "sft.parquet", tokenizer)
    assert len(learned) == len(rows) == 2
    for number, row in enumerate(rows):
        item = learned[number]
        mask = item["loss_mask"].bool()
        said = tokenizer.decode(item["input_ids"][mask])
        assert said.replace(tokenizer.eos_token, "").split() == " ".join(answers(row["messages"])).split()


@pytest.fixture(scope="module")
def leveled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with as many good tasks of each level as the mixed set needs."""
    folder = tmp_path_factory.mktemp("sets")
    lamp = {"scenario": "leveled_lamp", "parameters": {"scored_lamps": 1}}
    sections = [
        {**lamp, "label": f"level-{level}", "level": level, "seeds": tasks} for level, tasks in SETS["mixed"].items()
    ]
    play_scenarios(folder / "run", sections, ["scripted:random"])
    return folder


@pytest.mark.parametrize("name", SETS)
def test_each_set_has_its_tasks_once_for_all_three(leveled: Path, name: str, tokenizer: Any) -> None:
    path = leveled / f"{name}.parquet"
    export(leveled / "run", "sft", out=path, quiet=True, task_set=name)
    assert len(rows_of(path)) == len(verl_rows(path, tokenizer)) == sum(SETS[name].values())
