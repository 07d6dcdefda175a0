"""Exports a run: selected episodes go through one exporter, and everything is counted."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from infraray.errors import InfrarayError, did_you_mean
from infraray.folders import named_path
from infraray.trajectories.episode_reader import count_episodes, read_episodes
from infraray.trajectories.episode_selection import Selection
from infraray.trajectories.exporters import Exporter, exporters
from infraray.trajectories.exporters.exporter import options_of
from infraray.trajectories.planned import PlannedEpisodes
from infraray.trajectories.reader import Run
from infraray.trajectories.stored_episode import StoredEpisode
from infraray.user_code import guarded

FLAGS = {
    "out": "--out",
    "endpoint": "--endpoint",
    "headers": "--header",
    "valid_only": "--valid-only",
    "correct_only": "--correct-only",
    "safe_only": "--safe-only",
    "least_score": "--least-score",
    "task_set": "--set",
    "evaluation": "--evaluation",
}
"""What an exporter may be told, as the command line has it."""


def export(
    run_dir: str | Path,
    to: str,
    *,
    out: str | Path | None = None,
    selection: Selection | None = None,
    quiet: bool = False,
    **options: Any,
) -> str:
    """Exports a run's trajectories.

    Args:
        run_dir: the folder that ``infraray run`` wrote.
        to: the exporter's name: ``chat`` and ``sft`` (JSONL or Parquet), ``atif`` (JSON files), ``otlp`` (sent to a
            receiver), or what a file or a package of yours has registered.
        out: the file (chat, sft; Parquet if its name ends in ``.parquet``, else JSONL) or folder (ATIF), by default
            in ``RUN/exports``.
        selection: which episodes; all by default.
        quiet: show no progress.
        options: those of the exporter, by name: `Chat`, `Sft`, `Otlp` describe theirs; None and False stand for none.

    Returns:
        One line that says how much was written, and what was left out for which reason.

    Raises:
        InfrarayError: an argument does not fit, the run cannot be read, the target not be written or reached.
    """
    check_exporter(to)
    given = {name: value for name, value in {"out": out, **options}.items() if value is not None and value is not False}
    with guarded(f"--to {to}"):
        _check_options(to, given)
    run = Run(run_dir)
    selection = selection or Selection()
    selection.check(run)
    with guarded(f"--to {to}"):
        kind = exporters[to]
        if "out" in options_of(kind):
            path = named_path("--out", out) if out is not None else run.path / "exports" / (kind.default_out or to)
            given["out"] = path
        return _export(run, kind(run.manifest, **given), selection, quiet)


def check_exporter(name: str) -> None:
    """Refuses the name of no exporter.

    Raises:
        InfrarayError: one line with the nearest names.
    """
    if name not in exporters:
        raise InfrarayError(f"--to {name!r}: {did_you_mean(name, exporters)}")


def _check_options(to: str, given: Iterable[str]) -> None:
    """Refuses what an exporter cannot be told.

    Raises:
        InfrarayError: it does not take one of the options; those that do are named.
    """
    for name in given:
        if name not in options_of(exporters[to]):
            takers = [other for other, kind in exporters.working().items() if name in options_of(kind)]
            raise InfrarayError(f"{FLAGS[name]}: goes with --to {' or '.join(takers)}, not with --to {to}")


def _export(run: Run, exporter: Exporter, selection: Selection, quiet: bool) -> str:
    console = Console(file=sys.stderr, quiet=quiet)
    planned = PlannedEpisodes(run.manifest.scenarios)
    left_out: Counter[str] = Counter()
    with exporter:
        episodes = track(
            read_episodes(run, numbers=False),
            "exporting",
            total=count_episodes(run),
            console=console,
            disable=not console.is_terminal,
        )
        for row, steps in episodes:
            label = planned.label(row)
            row = row if label is None else {**row, "scenario_label": label}
            if selection.wants(row):
                known = label is not None
                reason = exporter.write(StoredEpisode(row, steps.read())) if known else "of an earlier plan"
                if reason is not None:
                    left_out[reason] += 1
    reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(left_out.items()))
    return exporter.summary() + (f"; left out: {reasons}" if reasons else "")
