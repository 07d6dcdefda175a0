"""Exporting a run: what is selected goes through one exporter, and everything is counted."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Protocol, Self, get_args

from rich.console import Console
from rich.progress import track

from infraray.errors import InfrarayError, did_you_mean
from infraray.folders import named_path
from infraray.trajectories.episode_reader import count_episodes, read_episodes
from infraray.trajectories.episode_selection import Selection
from infraray.trajectories.exporters.atif import Atif
from infraray.trajectories.exporters.chat import Chat
from infraray.trajectories.exporters.otlp import Otlp
from infraray.trajectories.planned import PlannedEpisodes
from infraray.trajectories.reader import Run
from infraray.trajectories.stored_episode import StoredEpisode

Format = Literal["chat", "atif", "otlp"]


class Exporter(Protocol):
    """Takes episodes one by one; leaving its ``with`` block without an error makes it whole."""

    def __enter__(self) -> Self: ...
    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None: ...

    def write(self, episode: StoredEpisode) -> str | None:
        """Takes an episode; returns None, or why there is nothing of it to write."""

    def summary(self) -> str:
        """What was written, in one line."""


def export(
    run_dir: str | Path,
    to: Format,
    *,
    out: str | Path | None = None,
    endpoint: str | None = None,
    headers: Mapping[str, str] | None = None,
    selection: Selection | None = None,
    valid_only: bool = False,
    quiet: bool = False,
) -> str:
    """Exports a run's trajectories.

    Args:
        run_dir: the folder that ``infraray run`` wrote.
        to: ``chat`` (JSONL or Parquet), ``atif`` (JSON files) or ``otlp`` (sent to a receiver).
        out: the file (chat; Parquet where its name ends in ``.parquet``, else JSONL) or folder (ATIF);
            ``RUN/exports/chat.jsonl`` and ``RUN/exports/atif`` by default.
        endpoint: the receiver's URL (OTLP).
        headers: sent with every request (OTLP).
        selection: which episodes; all by default.
        valid_only: leaves out steps whose action was not valid (chat).
        quiet: show no progress.

    Returns:
        One line that says how much was written, and what was left out for which reason.

    Raises:
        InfrarayError: an argument does not fit, the run cannot be read, the target not be written or reached.
    """
    if to not in get_args(Format):
        raise InfrarayError(f"--to {to!r}: {did_you_mean(to, get_args(Format))}")
    if to == "otlp" and out is not None:
        raise InfrarayError("--out: otlp writes no file; give --endpoint")
    if to != "otlp" and (endpoint is not None or headers):
        raise InfrarayError(f"--endpoint, --header: go with --to otlp, not with --to {to}")
    if valid_only and to != "chat":
        raise InfrarayError(f"--valid-only: goes with --to chat; {to} marks invalid steps as such")
    run = Run(run_dir)
    selection = selection or Selection()
    selection.check(run)
    exporter: Exporter
    if to == "chat":
        path = named_path("--out", out) if out is not None else run.path / "exports" / "chat.jsonl"
        exporter = Chat(path, run.manifest.scenarios, valid_only)
    elif to == "atif":
        exporter = Atif(named_path("--out", out) if out is not None else run.path / "exports" / "atif", run.manifest)
    else:
        exporter = Otlp(run.manifest, endpoint, headers)
    return _export(run, exporter, selection, quiet)


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
