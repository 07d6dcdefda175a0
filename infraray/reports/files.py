"""Writing a report's files."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

from infraray.errors import InfrarayError
from infraray.reports.csv_files import comparisons_csv, leaderboard_csv
from infraray.reports.markdown import make_markdown
from infraray.reports.page import make_page
from infraray.reports.report import Report, report


def write_report(
    run_dir: str | Path, out_dir: str | Path | None = None, make: Callable[[Report], str] = make_page
) -> Report:
    """Evaluates a run and writes index.html, leaderboard.md, leaderboard.csv and comparisons.csv.

    Args:
        run_dir: the folder that ``infraray run`` wrote.
        out_dir: the folder to write to; ``RUN/report`` by default.
        make: makes the page.

    Raises:
        InfrarayError: there is nothing to report, or the folder cannot be written.
    """
    made = report(run_dir)
    folder = Path(out_dir) if out_dir is not None else Path(run_dir) / "report"
    texts = {
        "html": ("index.html", make(made)),
        "markdown": ("leaderboard.md", make_markdown(made)),
        "leaderboard": ("leaderboard.csv", leaderboard_csv(made)),
        "comparisons": ("comparisons.csv", comparisons_csv(made)),
    }
    files = {kind: folder / name for kind, (name, _) in texts.items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for kind, (_, text) in texts.items():
            files[kind].write_text(text, encoding="utf-8", errors="replace")
    except OSError as error:
        raise InfrarayError(f"{folder}: the report cannot be written ({error.strerror})") from None
    return dataclasses.replace(made, files=files)
