"""With repetitions pass@k and pass^k stand beside the mean, wherever the report is read."""

import csv
import io

import numpy as np
from rich.console import Console

from infraray.reports import print_report, write_report
from tests.reports.synthetic import episodes, write_run
from tests.reports.test_leaderboard import board_of

SOLVED = np.array([[[True, False, True], [False, False, False]], [[True] * 3, [True] * 3]])


def table(correct=SOLVED, **columns):
    return episodes(np.arange(correct.size, dtype=float).reshape(correct.shape), correct=correct, **columns)


def test_they_are_the_means_of_the_tasks_estimates():
    rows = {row.agent: row.passes for row in board_of(table()).rows}
    assert (rows["agent:0"].k, rows["agent:0"].any, rows["agent:0"].all) == (3, 0.5, 0.0)
    assert (rows["agent:1"].any, rows["agent:1"].all) == (1.0, 1.0)
    assert all(row.passes is None for row in board_of(table(SOLVED[:, :, :1])).rows)


def test_they_stand_at_the_terminal_on_the_page_in_markdown_and_in_csv(tmp_path):
    report = write_report(write_run(tmp_path / "run", table()))
    terminal = io.StringIO()
    print_report(report, Console(file=terminal, width=200))
    for told in (terminal.getvalue(), report.files["html"].read_text(), report.files["markdown"].read_text()):
        assert "pass@3" in told and "pass^3" in told
    lines = {line["agent"]: line for line in csv.DictReader(io.StringIO(report.files["leaderboard"].read_text()))}
    assert [lines["agent:0"][name] for name in ("pass_k", "pass_at_k", "pass_hat_k")] == ["3", "0.5", "0.0"]


def test_a_run_whose_answers_were_mostly_none_says_so(tmp_path):
    for fault, words in (("empty", "empty"), ("cut", "cut off"), ("refused", "refused")):
        extra = np.array(['{"answers":{"%s":60}}' % fault, '{"answers":{"%s":40}}' % fault], dtype=object)  # noqa: UP031
        told = io.StringIO()
        hollow = table(extra=np.repeat(extra, 6), steps=100)
        print_report(write_report(write_run(tmp_path / fault, hollow)), Console(file=told, width=300))
        said = " ".join(told.getvalue().split())
        assert f"Most answers were unusable: agent:0 (60.0 % {words})." in said
