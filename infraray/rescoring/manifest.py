"""The ``run.json`` of a rescored run: the old one, with the scenarios as they are now."""

from __future__ import annotations

from datetime import UTC, datetime

from infraray.environment import Environment
from infraray.errors import InfrarayError
from infraray.registration import find
from infraray.trajectories.manifest import Manifest, PlannedScenario
from infraray.trajectories.reader import Run
from infraray.user_file import load_file


def new_manifest(run: Run, only: str | None) -> tuple[Manifest, dict[str, str]]:
    """The new run's ``run.json``, and a reason, in one line, for each scenario that is left out of it.

    Makes every environment once, so that whatever cannot be replayed is reported first.

    Raises:
        InfrarayError: no scenario is left, or nobody has answered anything.
    """
    from infraray import __version__

    if run.manifest.study is not None and not run.manifest.study.answered:
        raise InfrarayError(
            f"{run.path}: holds a study of measurements, and only answers of agents can be scored again"
        )
    if run.manifest.probe is not None:
        raise InfrarayError(f"{run.path}: holds a probe, whose tasks follow from the scores that it had; probe again")
    missing = _import_files(run)
    scenarios, left_out = {}, {}
    for label, scenario in run.manifest.scenarios.items():
        if only not in (None, label):
            continue
        try:
            environment = environment_of(scenario)
        except InfrarayError as error:
            left_out[label] = f"{label}: {'; '.join([*str(error).splitlines(), *missing])}"
            continue
        blocking = environment.blocking
        environment.close()
        if blocking:
            left_out[label] = (
                f"{label} drives a live system, which does not repeat itself; only simulators are rescored"
            )
        else:
            scenarios[label] = scenario.model_copy(update={"score": environment.score})
    if not scenarios:
        raise InfrarayError(f"{run.path}: nothing can be rescored: {'; '.join(left_out.values())}")
    about = {
        "name": f"{run.manifest.name}-rescored",
        "scenarios": scenarios,
        "study": None,
        "infraray_version": __version__,
        "rescored_from": str(run.path),
        "rescored_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    return run.manifest.model_copy(update=about), left_out


def environment_of(scenario: PlannedScenario) -> Environment:
    """The environment in which a scenario was played, as it is now.

    Raises:
        InfrarayError: it is not there any more, or no longer takes these parameters.
    """
    made = find(scenario.id).environment_class()
    return made(**scenario.parameters, **scenario.options, level=scenario.level)


def _import_files(run: Run) -> list[str]:
    """Imports the run's own files; returns the errors of those that fail, since not every scenario needs them."""
    wrong = []
    for path in run.manifest.plan.imports:
        try:
            load_file(path)
        except InfrarayError as error:
            wrong.append(str(error))
    return wrong
