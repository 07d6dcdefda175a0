"""From a study's folder to its report: a table, a page, a picture."""

from infraray.tune.report.files import write_study_report
from infraray.tune.report.study_report import StudyReport, study_report
from infraray.tune.report.terminal import print_study_report

__all__ = ["StudyReport", "print_study_report", "study_report", "write_study_report"]
