"""A training with GRPO, from a YAML file to a table: data, configuration, verl's trainer, evaluation.

Its folder::

    train.parquet, held_out.parquet    the data set
    verl.yaml, loops.yaml              what verl is told
    rollouts/                          every rollout, like a run's episodes
    checkpoints/global_step_N/         weights, optimiser, place in the data set
    steps.jsonl                        the figures of each step
    trainer.log                        what verl says
    evaluation/                        the run that compares base and trained policy

The same command goes on where a training was killed: from the latest checkpoint, with the rollouts that its weights
have played already.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml
from rich.console import Console

from infraray.actors.cluster import ray_cluster
from infraray.errors import InfrarayError, Refusals
from infraray.folders import chosen_folder
from infraray.registration import find
from infraray.runs.run_file import RunSpec
from infraray.summary import Summary
from infraray.training.dataset import write_data
from infraray.training.figures import FIGURES, read_figures, shown
from infraray.training.grpo_file import GrpoSpec
from infraray.training.starts import Start, checkpoints, latest_checkpoint, note_start
from infraray.training.task import AGENT_NAME
from infraray.training.verl_config import compose, cpus_needed, settings
from infraray.trajectories.manifest import Manifest, PlannedScenario
from infraray.trajectories.store import write_manifest
from infraray.user_code import describe_failure
from infraray.user_file import find_modules_here, load_file, read_source

ROLLOUTS, EVALUATION, LOG = "rollouts", "evaluation", "trainer.log"
STEPS_FILE = "steps.jsonl"

LOOK_S = 1.0


def train_grpo(
    given: GrpoSpec | Mapping[str, Any] | str | Path,
    out: Path | None = None,
    quiet: bool = False,
    num_cpus: int | None = None,
) -> Path:
    """Trains to the last step; returns the training's folder. What was trained before is gone on with.

    Args:
        given: the training, as a `GrpoSpec`, the same as a mapping, or the path of a YAML file.
        out: its folder; ``runs/NAME`` by default.
        quiet: show no progress.
        num_cpus: CPUs of a Ray cluster that is started here; None for all.

    Raises:
        InfrarayError: the training is not valid, cannot be started, or stopped.
    """
    spec = GrpoSpec.of(given)
    folder = (out if out is not None else Path("runs") / spec.name).resolve()
    config = prepare(spec, folder)
    console = Console(stderr=True, quiet=quiet)
    done = latest_checkpoint(folder)
    if done >= spec.steps:
        console.print(f"trained to step {done} before; data in {folder}", highlight=False, soft_wrap=True)
        return folder
    start = note_start(folder)
    write_loops(spec, folder, start)
    with ray_cluster(num_cpus):
        _train(spec, folder, config, console)
    return folder


def prepare(spec: GrpoSpec, folder: Path) -> Any:
    """Checks a training and writes what it reads; returns verl's configuration.

    Raises:
        InfrarayError: a line for everything that prevents it.
    """
    find_modules_here()
    refusals = Refusals()
    for position, path in enumerate(spec.imports):
        with refusals.collecting(), spec.explaining("imports", position):
            load_file(path)
    refusals.refuse()
    described = spec.training_set()
    with refusals.collecting(), spec.explaining():
        described.check()
        total = sum(1 for _ in described.tasks("train"))
        if total < spec.prompts_per_step:
            raise InfrarayError(
                f"prompts_per_step={spec.prompts_per_step}: there are {total} tasks to train on; take at most as many, "
                "or more seeds"
            )
    if spec.evaluation is not None:
        with refusals.collecting(), spec.explaining("evaluation"):
            spec.engine_spec("base", spec.model).check()
    refusals.refuse()
    train, held_out = folder / "train.parquet", folder / "held_out.parquet"
    config = compose(spec, settings(spec, folder, train, held_out, folder / "loops.yaml"))
    chosen_folder("run", ROLLOUTS, folder / ROLLOUTS)
    write_data(described, folder)
    write_manifest(folder / ROLLOUTS, _manifest(spec))
    from omegaconf import OmegaConf

    (folder / "verl.yaml").write_text(OmegaConf.to_yaml(config))
    return config


def write_loops(spec: GrpoSpec, folder: Path, start: Start) -> None:
    """Writes the file through which verl's workers find our agent loop, for one start of the training."""
    environments = spec.environments
    loop = {
        "name": AGENT_NAME,
        "_target_": "infraray.training.agent_loop.InfrarayAgentLoop",
        "training": spec.name,
        "collector": collector_name(spec),
        "start": start.number,
        # Asynchronous trainers keep what was played in their checkpoints themselves.
        "resumed_version": start.version if spec.mode == "sync" else -1,
        "resumed_start": start.made_by,
        "sources": {path: read_source(path).decode() for path in spec.imports},
        **environments.model_dump(),
    }
    (folder / "loops.yaml").write_text(yaml.safe_dump([loop], sort_keys=False))


def collector_name(spec: GrpoSpec) -> str:
    """The name by which the workers of a training find its collector."""
    return f"rollouts-{spec.name}"


def _manifest(spec: GrpoSpec) -> Manifest:
    """The ``run.json`` of the rollouts: the scenarios, and no agent, since each step's weights are another."""
    scenarios = {
        label: PlannedScenario.of(find(task.scenario), task.make_environment(), (), spec.seeds)
        for label, task in spec.training_set().kinds()
    }
    return Manifest(name=f"{spec.name}-rollouts", scenarios=scenarios)


def _train(spec: GrpoSpec, folder: Path, config: Any, console: Console) -> None:
    """Runs verl's trainer on the connected cluster.

    Raises:
        InfrarayError: it stopped.
    """
    import ray
    from ray.exceptions import RayError, RayTaskError

    from infraray.actors import pulse
    from infraray.training.collected import collecting_rollouts
    from infraray.training.verl_trainer import TrainerActor, runtime_env

    have, need = int(ray.cluster_resources().get("CPU", 0)), cpus_needed(config)
    if have < need:
        raise InfrarayError(
            f"the Ray cluster has {have} CPUs, and this training needs {need}, of which verl holds most without using "
            "them; add a node, or start the cluster with --num-cpus"
        )
    with collecting_rollouts(folder / ROLLOUTS, collector_name(spec)):
        made = ray.remote(num_cpus=1, max_restarts=0, runtime_env=runtime_env(config))(TrainerActor)
        trainer = made.remote(str(folder / LOG))
        try:
            training = trainer.train.remote(config, collector_name(spec), spec.max_probability_difference)
            with _progress(folder / STEPS_FILE, spec, console) as look:
                while not pulse.wait([training], LOOK_S):
                    look()
                look()
            ray.get(training)
        except RayTaskError as error:
            cause = getattr(error, "cause", None) or error
            if isinstance(cause, InfrarayError):
                raise InfrarayError(str(cause)) from None
            raise InfrarayError(
                f"the trainer stopped: {describe_failure(cause)}; {folder / LOG} has all that it said; the same "
                "command goes on from the latest checkpoint"
            ) from None
        except RayError as error:
            raise InfrarayError(
                f"the trainer died: {describe_failure(error, named=False)}; {folder / LOG} has all that it said; the "
                "same command goes on from the latest checkpoint"
            ) from None
        finally:
            ray.kill(trainer)


@contextmanager
def _progress(path: Path, spec: GrpoSpec, console: Console) -> Iterator[Any]:
    """Shows each step's figures once, as a line of a table."""
    widths = [max(len(figure.title), 8) for figure in FIGURES.values()]
    known = {(line["step"], "held_out" in line): line for line in read_figures(path)}

    def write(cells: list[str]) -> None:
        line = " ".join(cell.rjust(width) for cell, width in zip(cells[1:], widths, strict=True))
        console.print(f"{cells[0]:>10} {line}", markup=False, highlight=False, soft_wrap=True)

    write(["step", *(figure.title for figure in FIGURES.values())])

    def look() -> None:
        for line in read_figures(path):
            key = line["step"], "held_out" in line
            if known.get(key) == line:
                continue
            known[key] = line
            if "held_out" in line:
                told = ", ".join(f"{name} {value:.3f}" for name, value in line["held_out"].items())
                console.print(f"held out after step {line['step']}: {told}", markup=False, highlight=False)
            else:
                write([f"{line['step']}/{spec.steps}", *shown(line)])

    yield look


def evaluate(spec: GrpoSpec, folder: Path, quiet: bool = False) -> tuple[Summary, Path] | None:
    """Plays base and trained policy, and what they are measured beside, on the held-out seeds.

    Returns:
        The run's summary and folder; None if the training asks for no evaluation.

    Raises:
        InfrarayError: the run cannot be played, or there is no checkpoint.
    """
    if spec.evaluation is None:
        return None
    found = checkpoints(folder)
    if not found:
        raise InfrarayError(f"{folder}: has no checkpoint to evaluate; save_every={spec.save_every} may be too rare")
    from infraray.launch import run

    trained = found[max(found)]
    run_dir = folder / f"{EVALUATION}-{max(found)}"
    return run(evaluation_run(spec, trained), run_dir, quiet), run_dir


def evaluation_run(spec: GrpoSpec, trained: Path) -> RunSpec:
    """The run that compares base and trained policy.

    Args:
        spec: the training.
        trained: the folder of the trained policy.
    """
    assert spec.evaluation is not None
    options = "&".join(f"{name}={quote(str(value))}" for name, value in spec.chat.items())
    engines = {name: spec.engine_spec(name, str(model)) for name, model in (("base", spec.model), ("trained", trained))}
    return RunSpec.parse(
        {
            "name": f"{spec.name}-evaluation",
            "imports": spec.imports,
            "scenarios": spec.training_set().run_sections(),
            "agents": [*spec.evaluation.against, *(f"engine:{name}?{options}".rstrip("?") for name in engines)],
            "engines": {name: engine.model_dump(exclude_unset=True) for name, engine in engines.items()},
            "seeds": spec.held_out,
        }
    )
