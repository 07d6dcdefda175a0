"""Fine-tuning on experts' episodes with TRL, and a table of who was trained on what and solves what.

TRL rather than verl's own trainer: that one runs on GPUs alone, so that nobody could try a fine-tuning on the machine
on which it is written, and is started apart from Ray. TRL takes tokens and labels as they are, which are ours
(`infraray.training.chat_tokens`), and goes on from its checkpoints. What it writes is what verl's trainer begins with.

The folder::

    SET/sft.parquet       the conversations of a set
    SET/checkpoints/      of the training under way
    SET/model/            the tuned model, in Hugging Face's format
    evaluation/           the run that compares the models
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow.parquet as pq
from rich.console import Console

from infraray.actors.cluster import ray_cluster
from infraray.errors import InfrarayError, Refusals
from infraray.runs.run_file import RunSpec
from infraray.summary import Summary
from infraray.training.chat_tokens import labelled
from infraray.training.dataset import TrainingSet
from infraray.training.sft_file import ALL, SftSpec
from infraray.trajectories.episode_selection import Selection
from infraray.trajectories.exporters.export import export
from infraray.trajectories.reader import Run
from infraray.user_code import describe_failure

INSTALL = "pip install 'infraray[sft]'"
DONE = "trained.json"


def train_sft(given: SftSpec | Mapping[str, Any] | str | Path, out: Path | None = None, quiet: bool = False) -> Path:
    """Tunes a model for each set; returns the folder. What is tuned is not tuned again.

    Args:
        given: the fine-tuning, as a `SftSpec`, the same as a mapping, or the path of a YAML file.
        out: its folder; ``runs/NAME`` by default.
        quiet: show no progress.

    Raises:
        InfrarayError: the fine-tuning is not valid, or a training failed.
    """
    spec = SftSpec.of(given)
    folder = (out if out is not None else Path("runs") / spec.name).resolve()
    check(spec)
    console = Console(stderr=True, quiet=quiet)
    owed = [name for name in spec.sets if not (folder / name / DONE).exists()]
    for name in owed:
        export(
            Path(spec.run),
            "sft",
            out=_made(folder / name) / "sft.parquet",
            selection=Selection(spec.agent, None),
            quiet=True,
            correct_only=spec.correct_only,
            safe_only=spec.safe_only,
            least_score=spec.least_score,
            task_set=None if name == ALL else name,
        )
    if owed:
        with ray_cluster():
            for name in owed:
                console.print(f"{name}: training", highlight=False)
                loss = _train(spec, folder / name)
                console.print(f"{name}: trained, loss {loss:.3f}", highlight=False)
    return folder


def check(spec: SftSpec) -> None:
    """Finds what is wrong before anything is trained.

    Raises:
        InfrarayError: one line for everything that is.
    """
    refusals = Refusals()
    with refusals.collecting(), spec.explaining("run"):
        seeds = set(Run(spec.run).episodes(["seed"])["seed"].to_pylist())
        if spec.evaluation is not None and (shared := sorted(seeds & set(spec.evaluation.seeds))):
            raise InfrarayError(
                f"{len(shared)} of its seeds, the first {shared[0]}, are those of the evaluation; give that others"
            )
    if spec.evaluation is not None:
        with refusals.collecting(), spec.explaining("evaluation"):
            spec.engine_spec("base", spec.model).check()
            for _, task in _tasks(spec).kinds():
                task.check()
    refusals.refuse()


def evaluate(spec: SftSpec, folder: Path, quiet: bool = False) -> tuple[Summary, Path] | None:
    """Plays the base and the tuned models.

    Returns:
        The run's summary and folder; None if no evaluation is asked for.

    Raises:
        InfrarayError: the run cannot be played.
    """
    if spec.evaluation is None:
        return None
    from infraray.launch import run

    return run(evaluation_run(spec, folder), folder / "evaluation", quiet), folder / "evaluation"


def evaluation_run(spec: SftSpec, folder: Path) -> RunSpec:
    """The run that compares the base and the tuned models."""
    assert spec.evaluation is not None
    models = {"base": spec.model, **{name: str(folder / name / "model") for name in spec.sets}}
    options = "&".join(f"{name}={quote(str(value))}" for name, value in spec.evaluation.chat.items())
    return RunSpec.parse(
        {
            "name": f"{spec.name}-evaluation",
            "imports": spec.imports,
            "scenarios": _tasks(spec).run_sections(),
            "agents": [*spec.evaluation.against, *(f"engine:{name}?{options}".rstrip("?") for name in models)],
            "engines": {
                name: spec.engine_spec(name, model).model_dump(exclude_unset=True) for name, model in models.items()
            },
            "seeds": spec.evaluation.seeds,
        }
    )


def table(spec: SftSpec, run_dir: Path) -> list[list[str]]:
    """Trained on (rows), evaluated on (columns): the share of correct and of safe episodes, first the heads."""
    assert spec.evaluation is not None
    rows = Run(run_dir).episodes(["agent", "scenario_label", "correct", "safe"]).to_pylist()
    labels = [label for label, _ in _tasks(spec).kinds()]
    lines = [["trained on", *labels]]
    for name in ("base", *spec.sets):
        line = ["nothing" if name == "base" else name]
        for label in labels:
            found = [
                row
                for row in rows
                if row["scenario_label"] == label and row["agent"].partition("?")[0] == f"engine:{name}"
            ]
            line.append(f"{_share(found, 'correct')} correct, {_share(found, 'safe')} safe")
        lines.append(line)
    return lines


def _share(rows: list[dict[str, Any]], name: str) -> str:
    known = [row[name] for row in rows if row[name] is not None]
    return f"{sum(known) / len(known):.0%}" if known else "-"


def _tasks(spec: SftSpec) -> TrainingSet:
    assert spec.evaluation is not None
    seeds, chat = spec.evaluation.seeds, spec.evaluation.chat
    return TrainingSet(scenarios=spec.evaluation.scenarios, seeds=seeds, held_out=seeds, chat=chat)


def _train(spec: SftSpec, folder: Path) -> float:
    """Tunes one model in a process of its own; returns the last loss.

    Raises:
        InfrarayError: it failed.
    """
    import ray
    from ray.exceptions import RayError, RayTaskError

    from infraray.actors import pulse

    have = int(ray.cluster_resources().get("GPU", 0))
    if have < spec.gpus:
        raise InfrarayError(f"gpus={spec.gpus}: the Ray cluster has {have}; add a node, or take gpus: 0 for the CPU")
    task = ray.remote(num_gpus=spec.gpus, num_cpus=1, max_retries=0)(fit)
    try:
        loss: float = pulse.get(task.remote(spec.model_dump(mode="json"), str(folder)))
        return loss
    except RayTaskError as error:
        cause = getattr(error, "cause", None) or error
        if isinstance(cause, InfrarayError):
            raise InfrarayError(str(cause)) from None
        raise InfrarayError(f"{folder.name}: its training failed: {describe_failure(cause)}") from None
    except RayError as error:
        raise InfrarayError(f"{folder.name}: its training died: {describe_failure(error, named=False)}") from None


def fit(written: Mapping[str, Any], folder: str) -> float:
    """Tunes a model on a set, going on from its latest checkpoint; returns the last loss.

    Args:
        written: the fine-tuning as plain data.
        folder: the set's.

    Raises:
        InfrarayError: TRL is not installed, or nothing is left to learn from.
    """
    try:
        from datasets import Dataset
        from transformers import AutoModelForCausalLM, AutoTokenizer
        from transformers.trainer_utils import get_last_checkpoint
        from trl import SFTConfig, SFTTrainer
    except ImportError as error:
        raise InfrarayError(f"TRL cannot be imported ({error}); {INSTALL}") from None
    spec, place = SftSpec.parse(written), Path(folder)
    tokenizer = AutoTokenizer.from_pretrained(spec.model)
    rows = pq.read_table(place / "sft.parquet").to_pylist()
    examples = [
        sequence for row in rows for sequence in labelled(tokenizer, _messages(row), _tools(row), spec.max_tokens)
    ]
    if not examples:
        left = (
            f"none of {len(rows)} conversations has an answer within max_tokens={spec.max_tokens}; allow more"
            if rows
            else "no conversation is left to learn from; allow more than the best episodes"
        )
        raise InfrarayError(f"{place.name}: {left}")
    checkpoints = place / "checkpoints"
    settings = SFTConfig(
        output_dir=str(checkpoints),
        num_train_epochs=spec.epochs,
        learning_rate=spec.learning_rate,
        per_device_train_batch_size=spec.micro_batch,
        gradient_accumulation_steps=max(1, spec.batch_size // (spec.micro_batch * max(1, spec.gpus))),
        max_length=spec.max_tokens,
        lr_scheduler_type="cosine",
        warmup_ratio=0.03,
        seed=spec.seed,
        use_cpu=spec.gpus == 0,
        bf16=spec.gpus > 0,
        save_strategy="epoch",
        save_total_limit=1,
        logging_steps=1,
        report_to=[],
        disable_tqdm=True,
    )
    trainer = SFTTrainer(
        model=AutoModelForCausalLM.from_pretrained(spec.model),
        args=settings,
        train_dataset=Dataset.from_list(examples),
        processing_class=tokenizer,
    )
    latest = get_last_checkpoint(str(checkpoints)) if checkpoints.exists() else None
    loss = float(trainer.train(resume_from_checkpoint=latest).training_loss)
    trainer.save_model(str(place / "model"))
    tokenizer.save_pretrained(str(place / "model"))
    told = {"conversations": len(rows), "sequences": len(examples), "loss": loss}
    # Written last: what has it is whole.
    (place / DONE).write_text(json.dumps(told) + "\n")
    shutil.rmtree(checkpoints, ignore_errors=True)
    return loss


def _messages(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A conversation without the fields that Parquet filled with null."""
    return [{name: value for name, value in message.items() if value is not None} for message in row["messages"]]


def _tools(row: Mapping[str, Any]) -> Any:
    told = row.get("tools")
    return json.loads(told) if isinstance(told, str) else None


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
