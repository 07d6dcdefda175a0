"""The ``run.json`` of a rescored run: the old one's, with what the scenarios are now."""

from __future__ import annotations

from datetime import UTC, datetime

from infraray.errors import InfrarayError
from infraray.registration import find
from infraray.trajectories.manifest import Manifest
from infraray.trajectories.reader import Run
from infraray.user_file import load_file


def new_manifest(run: Run, only: str | None) -> tuple[Manifest, dict[str, str]]:
    """The new run's ``run.json``, and for each scenario that is left out of it a line that says why.

    Makes every environment once, so that what cannot be replayed is told first.

    Raises:
        InfrarayError: no scenario is left.
    """
    from infraray import __version__

    missing = _import_files(run)
    scenarios, left_out = {}, {}
    for label, scenario in run.manifest.scenarios.items():
        if only not in (None, label):
            continue
        try:
            environment = find(scenario.id).environment_class()(
                **scenario.parameters, **scenario.options, level=scenario.level
            )
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


def _import_files(run: Run) -> list[str]:
    """Imports the run's own files; returns what is wrong with those that cannot be: not every scenario needs them."""
    wrong = []
    for path in run.manifest.plan.imports:
        try:
            load_file(path)
        except InfrarayError as error:
            wrong.append(str(error))
    return wrong
