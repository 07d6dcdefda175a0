"""The entries of a study's folder: its journal says who was tried, and who plays on the evaluation seeds."""

from __future__ import annotations

from collections.abc import Iterable

from infraray.trajectories.journal import Event
from infraray.trajectories.manifest import Manifest, PlannedScenario, StudyRecord


def with_entrants(manifest: Manifest, events: Iterable[Event]) -> Manifest:
    """A study's manifest with all who have played so far.

    Args:
        manifest: as it is written; its only scenario has the evaluation seeds and no agents.
        events: the journal's.
    """
    study = manifest.study
    assert study is not None
    ((label, evaluation),) = manifest.scenarios.items()
    entrants: dict[str, dict[str, str]] = {label: {}}
    for event in events:
        if event["kind"] == "confirming":
            entrants[label][event["label"]] = event["digest"]
        elif event["kind"] == "asked":
            entrants.setdefault(_label_of_search(label, study, event), {})[event["label"]] = event["digest"]
    trials = evaluation.model_copy(update={"seeds": study.seeds, "of_search": True})
    scenarios = {name: _entered(evaluation if name == label else trials, digests) for name, digests in entrants.items()}
    return manifest.model_copy(update={"scenarios": scenarios})


def _label_of_search(label: str, study: StudyRecord, event: Event) -> str:
    """The label of a trial's episodes: a small budget of something other than seeds measures differently."""
    if event["budget"] < study.max_budget and event["seeds"] == len(study.seeds):
        return f"{label}, search on {event['budget']} {study.budget_unit}"
    return f"{label}, search"


def _entered(scenario: PlannedScenario, digests: dict[str, str]) -> PlannedScenario:
    about = {"agents": tuple(digests), "digests": digests, "owed_total": len(scenario.seeds) * len(digests)}
    return scenario.model_copy(update=about)
