"""From a probe's folder to its report: a table, a page, a file."""

from infraray.curriculum.report.files import write_probe_report
from infraray.curriculum.report.probe_report import ProbeReport, probe_report
from infraray.curriculum.report.terminal import print_probe_report

__all__ = ["ProbeReport", "print_probe_report", "probe_report", "write_probe_report"]
