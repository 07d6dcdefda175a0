"""Writing a probe's report."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from infraray.curriculum.report.columns import REGIONS, lines_of
from infraray.curriculum.report.page import make_probe_page
from infraray.curriculum.report.probe_report import ProbeReport, probe_report
from infraray.errors import InfrarayError
from infraray.reports.csv_files import as_csv


def write_probe_report(folder: str | Path) -> ProbeReport:
    """Evaluates a probe and writes ``report/index.html`` and ``report/regions.csv`` into its folder.

    Raises:
        InfrarayError: there is nothing to report, or the folder cannot be written.
    """
    made = probe_report(folder)
    target = Path(folder) / "report"
    texts = {
        "html": (target / "index.html", make_probe_page(made)),
        "regions": (target / "regions.csv", as_csv(REGIONS, lines_of(made))),
    }
    try:
        target.mkdir(parents=True, exist_ok=True)
        for path, text in texts.values():
            path.write_text(text, encoding="utf-8", errors="replace")
    except OSError as error:
        raise InfrarayError(f"{target}: the report cannot be written ({error.strerror})") from None
    return dataclasses.replace(made, files={kind: path for kind, (path, _) in texts.items()})
