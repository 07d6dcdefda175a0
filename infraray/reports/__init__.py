"""Reports: leaderboards with honest statistics from a run's folder: printed, Markdown, CSV, one HTML page."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from infraray.reports.files import write_report
    from infraray.reports.report import evaluate
    from infraray.reports.terminal import print_report

__all__ = ["evaluate", "print_report", "write_report"]

_STAND_IN = {"evaluate": "report", "print_report": "terminal", "write_report": "files"}


def __getattr__(name: str) -> Any:
    """Imports names on first use: a table in the terminal needs neither plots nor Arrow."""
    if name in _STAND_IN:
        return getattr(import_module(f"infraray.reports.{_STAND_IN[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
