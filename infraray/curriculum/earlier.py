"""What a run has played before, as a first guess at where its agents fail.

Its tasks were chosen by whoever made the run, and not drawn. So they guide the search of a probe and are part of no
interval: the survey and the confirmation play fresh tasks as ever.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from infraray.curriculum.finding import Played
from infraray.curriculum.losses import COLUMNS, loss_of
from infraray.curriculum.scenario_tasks import LEVEL, ScenarioTasks
from infraray.errors import InfrarayError, without_secrets
from infraray.space.values import Configuration
from infraray.trajectories.reader import Run

_COLUMNS = (*COLUMNS, "scenario", "version", "parameters", "options", "level", "seed", "agent")


def earlier(
    folder: str | Path, tasks: ScenarioTasks, options: Mapping[str, Any], agents: Sequence[str]
) -> dict[str, list[Played]]:
    """What agents have played in a run of the tasks that a probe may draw.

    Args:
        folder: the run's.
        tasks: the probe's.
        options: of its environment.
        agents: those that are probed.

    Returns:
        By agent; tasks that have no loss are left out.

    Raises:
        InfrarayError: the folder holds no run, or nothing that the probe could have played.
    """
    found: dict[str, list[Played]] = {agent: [] for agent in agents}
    registration = tasks.registration

    @cache
    def setting_of(parameters: str, level: int) -> Configuration | None:
        return _setting(tasks, json.loads(parameters), level)

    for batch in Run(folder).episode_batches(_COLUMNS):
        for row in batch.to_pylist():
            is_ours = row["scenario"] == registration.name and row["version"] == registration.version
            if not is_ours or row["agent"] not in found or json.loads(row["options"]) != dict(options):
                continue
            setting, loss = setting_of(row["parameters"], row["level"]), loss_of(row)
            if setting is not None and loss is not None:
                found[row["agent"]].append(Played(tasks.space.task(setting, row["seed"]).features, loss))
    if not any(found.values()):
        raise InfrarayError(
            f"{folder}: has no episode of {', '.join(agents)} that this probe could have played; scenario and "
            "parameters, but for the knobs, text, invalid_action and max_episode_steps must be the same"
        )
    return found


def _setting(tasks: ScenarioTasks, parameters: Mapping[str, Any], level: int) -> Configuration | None:
    """The setting of the knobs that has these parameters; None if the probe draws none such."""
    told = {**parameters, LEVEL: level}
    try:
        setting = tasks.space.suited({knob.name: knob.check(told.get(knob.name)) for knob in tasks.space.knobs})
        found, values = tasks.parsed(setting)
    except InfrarayError:
        return None
    same = found == level and without_secrets(values.model_dump(mode="json")) == dict(parameters)
    return setting if same else None
