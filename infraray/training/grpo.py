"""A training with GRPO, from a YAML file to a table: data, configuration, verl's trainer, evaluation.

Its folder::

    train.parquet, held_out.parquet    the data set
    verl.yaml, loops.yaml              what verl is told
    rollouts/                          every rollout, like a run's episodes
    checkpoints/global_step_N/         weights, optimiser, place in the data set
    best                               names the weights of the best checkpoint
    steps.jsonl                        the figures of each step
    trainer.log                        what verl says
    evaluation-N/                      the run that compares base and trained policy

The same command goes on where a training was killed: from the latest checkpoint, with the rollouts that its weights
have played already.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console

from infraray.actors.cluster import ray_cluster
from infraray.errors import InfrarayError, Refusals
from infraray.folders import chosen_folder
from infraray.registration import find
from infraray.training.dataset import write_data
from infraray.training.evaluation import choose, keep, trial_reward
from infraray.training.figures import FIGURES, STEPS_FILE, read_figures, shown
from infraray.training.grpo_file import CollectedSection, GrpoSpec
from infraray.training.recorded_run import recorded_run
from infraray.training.starts import Start, latest_checkpoint, note_start
from infraray.training.task import AGENT_NAME
from infraray.training.verl_config import compose, cpus_needed, settings
from infraray.trajectories.manifest import Manifest, PlannedScenario
from infraray.trajectories.store import write_manifest
from infraray.user_code import describe_failure
from infraray.user_file import find_modules_here, load_file, read_source

ROLLOUTS, LOG = "rollouts", "trainer.log"

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
    else:
        write_loops(spec, folder, note_start(folder))
        with ray_cluster(num_cpus):
            _train(spec, folder, config, console)
    chosen = choose(folder)
    best = keep(folder, chosen)
    why = "" if math.isnan(chosen.reward) else f", reward {chosen.reward:.3f} in its trial"
    console.print(f"best: step {chosen.step}{why}; {best}", highlight=False, soft_wrap=True)
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
    if spec.collected is not None:
        with refusals.collecting(), spec.explaining("collected"):
            _check_collected(spec, spec.collected)
    if spec.evaluation is not None:
        with refusals.collecting(), spec.explaining("evaluation"):
            spec.engine_spec("base", spec.model).check()
    refusals.refuse()
    train, held_out = folder / "train.parquet", folder / "held_out.parquet"
    config = compose(spec, settings(spec, folder, train, held_out, folder / "loops.yaml"))
    chosen_folder("run", ROLLOUTS, folder / ROLLOUTS)
    write_data(described.model_copy(update={"held_out": spec.trial_seeds}), folder)
    write_manifest(folder / ROLLOUTS, _manifest(spec))
    from omegaconf import OmegaConf

    (folder / "verl.yaml").write_text(OmegaConf.to_yaml(config))
    return config


def _check_collected(spec: GrpoSpec, collected: CollectedSection) -> None:
    """Finds what prevents a training from a run.

    Raises:
        InfrarayError: one line.
    """
    found = recorded_run(collected.folder, collected.agent)
    found.check(spec.chat)
    if not any(found.count(task, spec.seeds) for _, task in spec.training_set().kinds()):
        raise InfrarayError(
            f"{collected.run}: no episode is of a task to train on; scenario, parameters, level, seeds, "
            "text, invalid_action and max_episode_steps (here: max_steps) must be those of the training"
        )


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
        "collected": None if spec.collected is None else {**spec.collected.model_dump(), "run": spec.collected.folder},
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
            watched = {
                "max_difference": spec.max_probability_difference,
                "step_credit": spec.step_credit,
                "takes_recorded": spec.collected is not None,
            }
            training = trainer.train.remote(config, collector_name(spec), watched)
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
                reward = trial_reward(line["held_out"])
                console.print(f"held out after step {line['step']}: reward {reward:.3f}", highlight=False)
            else:
                write([f"{line['step']}/{spec.steps}", *shown(line)])

    yield look
