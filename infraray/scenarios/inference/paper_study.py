"""A study's searcher, and the defaults beside it, as agents of the paper's table.

A search has no episode of its own: its trials are episodes of one launch each, and what it submits is confirmed on the
evaluation seeds. The searcher's run is therefore put together from both.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infraray.tune.report import study_report


@dataclass(frozen=True)
class Searched:
    """One row of the table that no agent played.

    Args:
        name: in the table.
        label: of the configuration that it submits, as the study's episodes have it.
        best_seen: the best mean speedup of a trial over the development seeds; NaN without any.
        trials: the facts of what it launched before, in order, as an environment records them.
    """

    name: str
    label: str
    best_seen: float = math.nan
    trials: Sequence[Mapping[str, Any]] = ()


def searched(folder: str | Path) -> list[Searched]:
    """The defaults, and the searcher with its best configuration, or else with the first that was refused.

    Raises:
        InfrarayError: the folder holds no study, or one in which no trial has ended.
    """
    report = study_report(folder)
    found = []
    if report.defaults is not None:
        found.append(Searched(f"defaults: {report.defaults.label}", report.defaults.label))
    refused = (standing for standing in report.standings if standing.role == "refused")
    submitted = report.best or next(refused, None)
    if submitted is not None:
        best = max((row.score for row in report.scored), default=math.nan)
        trials = [{"trial": {"configuration": row.configuration}} for row in report.trials]
        found.append(Searched(f"{report.searcher}: {submitted.label}", submitted.label, best, trials))
    return found
