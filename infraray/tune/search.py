"""Running a study: its file, its folder, the cluster, the search, and a summary.

A study's folder is a run's (`infraray.trajectories.store`) with one file more:

runs/NAME/trials.jsonl    the journal: who was asked for and finished when, who plays on the evaluation seeds
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from infraray.actors.cluster import ray_cluster
from infraray.errors import InfrarayError, without_secrets
from infraray.folders import chosen_folder
from infraray.parameters import file_sha256
from infraray.provenance import session
from infraray.registration import find
from infraray.trajectories.journal import JOURNAL, Journal
from infraray.trajectories.manifest import BrokenManifest, Manifest, PlannedScenario, StudyRecord, WrittenPlan
from infraray.trajectories.store import RunStore
from infraray.tune.evaluation import read_results
from infraray.tune.objective import Objective
from infraray.tune.study import Budget, Study
from infraray.tune.study_file import StudySpec, make_objective, user_files
from infraray.user_file import find_modules_here
from infraray.version import __version__


@dataclass(frozen=True)
class SearchSummary:
    """What a search came to.

    Args:
        best: the confirmed best configuration as a person types it; None where none could be confirmed.
        score: its score on the evaluation seeds.
        trials: finished trials, those of earlier sessions included.
        failed: of them, those that failed.
        seconds: on the study's clock.
        folder: the study's.
    """

    best: str | None
    score: float | None
    trials: int
    failed: int
    seconds: float
    folder: Path


def search(
    study: StudySpec | Mapping[str, Any] | str | Path, out: str | Path | None = None, quiet: bool = False
) -> SearchSummary:
    """Searches for the best configuration; what was measured already is not measured again.

    Args:
        study: a `StudySpec`, the same as a mapping, or the path of a YAML file.
        out: the study's folder; ``runs/NAME`` by default.
        quiet: show no progress.

    Raises:
        InfrarayError: the study is not valid, its folder holds another, or Ray cannot be reached.
    """
    spec = StudySpec.of(study)
    find_modules_here()
    objective = make_objective(spec)
    folder = chosen_folder("study", spec.name, out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InfrarayError(f"{folder}: cannot be written ({error.strerror})") from None
    with Journal(folder / JOURNAL) as journal:
        _keep_manifest(folder, spec, objective)
        budget = Budget(spec.budget.trials, spec.budget.seconds)
        # Waits for the collector of a search that was killed a moment ago, and takes up what it left.
        with closing(RunStore(folder)) as store:
            store.finish()
            results, repairs = read_results(folder), store.repairs
        made = Study(objective, spec.searcher, spec.seed, budget, journal, results, spec.min_budget, spec.against)
        _search(spec, made, folder, repairs, quiet)
        return _summary(made, folder)


def _search(spec: StudySpec, study: Study, folder: Path, repairs: Sequence[str], quiet: bool) -> None:
    from infraray.tune.progress import StudyProgress

    progress = StudyProgress(study, Console(stderr=True, quiet=quiet))
    for line in repairs:
        progress.notice(line)
    if study.finished:
        progress.notice(f"{len(study.finished)} trials found from before")
    if not study.same_proposals:
        progress.notice(
            f"this version of {spec.searcher} proposes otherwise than the one before; it is told all trials"
        )
    if study.is_spent and not study.due_confirmations():
        return
    with ray_cluster():
        # Ray reads its settings when it is imported, which `ray_cluster` prepares.
        try:
            from infraray.tune.ray_search import Resources, run_study
        except ImportError as error:
            if (error.name or "ray").split(".")[0] == "infraray":
                raise
            raise InfrarayError(
                f"Ray Tune cannot be imported ({error.__cause__ or error}); pip install 'infraray[search]'"
            ) from None

        resources = Resources(spec.resources.cpus, spec.resources.gpus, spec.parallel)
        run_study(spec.name, study, folder, resources, user_files(spec), progress)


def _summary(study: Study, folder: Path) -> SearchSummary:
    best, evaluation = study.confirmed_best() or (None, None)
    return SearchSummary(
        None if best is None else best.label,
        None if evaluation is None else evaluation.score,
        len(study.finished),
        sum(finished.evaluation.failure is not None for finished in study.finished.values()),
        study.searched_s,
        folder,
    )


def _read_manifest(path: Path) -> Manifest | None:
    """What a search before has written; None where there was none."""
    if not path.exists():
        return None
    try:
        before = Manifest.load(path)
    except BrokenManifest:
        before = None
    if before is None or before.study is None:
        raise InfrarayError(f"{path}: does not describe a study; choose another --out")
    return before


def _keep_manifest(folder: Path, spec: StudySpec, objective: Objective) -> None:
    """Writes ``run.json``; a folder that holds another study is refused."""
    path = folder / "run.json"
    before = _read_manifest(path)
    plan = before.plan.model_dump(mode="json") if before is not None else {}
    for field, value in spec.identity().items():
        if (found := plan.get(field, value)) != value:
            held, wanted = json.dumps(found), json.dumps(value)
            raise InfrarayError(f"{folder}: holds a study with {field}: {held}, not {wanted}; choose another --out")
    study = StudyRecord(
        searcher=spec.searcher,
        against=tuple(spec.against),
        objective=json.loads(json.dumps(objective.identity())),
        space=json.loads(json.dumps(objective.space.to_json())),
        imports={path: file_sha256(path) for path in spec.imports},
        budget_unit=objective.budget_unit,
        max_budget=objective.max_budget,
        gated=objective.gated,
        answered=objective.answered,
        seeds=objective.seeds,
    )
    if before is not None and before.study is not None:
        same = before.study.model_copy(update={"against": study.against})
        if same != study:
            raise InfrarayError(
                f"{folder}: what is searched or measured has changed since, such as a file; choose another --out"
            )
    registration = find(spec.scenario)
    scenario = PlannedScenario.of(
        registration, objective.environment(), (), objective.evaluation_seeds, score=objective.score
    )
    manifest = Manifest(
        name=spec.name,
        infraray_version=__version__,
        created_at=before.created_at if before is not None else datetime.now(UTC).isoformat(timespec="seconds"),
        plan=WrittenPlan.model_validate(without_secrets(spec.model_dump(mode="json"))),
        scenarios={registration.name: scenario},
        sessions=(*(before.sessions if before is not None else ()), session()),
        study=study,
    )
    try:
        manifest.dump(path)
    except OSError as error:
        raise InfrarayError(f"{path}: cannot be written ({error.strerror})") from None
