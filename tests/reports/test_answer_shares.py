"""What is amiss with an agent's answers stands beside its score, wherever the report is read."""

import csv
import io

import numpy as np
from rich.console import Console

from infraray.reports import print_report, write_report
from tests.reports.synthetic import episodes, write_run
from tests.reports.test_leaderboard import board_of

FAULTY = '{"answers":{"invalid":50,"cut":25,"empty":10,"refused":5}}'
WELL = '{"answers":{}}'


def table():
    scores = np.random.default_rng(0).normal(size=(3, 8))
    extra = np.array([[WELL] * 8, [FAULTY] * 2 + [WELL] * 6, [None] * 8], dtype=object)
    return episodes(scores, extra=extra.ravel(), steps=100)


def test_shares_are_over_all_answers_that_were_counted():
    rows = {row.agent: row.answers for row in board_of(table()).rows}
    faulty = rows["agent:1"]
    assert (faulty.answers, faulty.invalid, faulty.cut, faulty.empty, faulty.refused) == (
        800,
        100 / 800,
        50 / 800,
        20 / 800,
        10 / 800,
    )
    assert rows["agent:0"].are_all_well and rows["agent:2"] is None


def test_shares_stand_at_the_terminal_on_the_page_in_markdown_and_in_csv(tmp_path):
    report = write_report(write_run(tmp_path / "run", table()))
    terminal = io.StringIO()
    print_report(report, Console(file=terminal, width=200))
    said = "of 800 answers 12.5 % invalid, 6.2 % cut off, 2.5 % empty, 1.2 % refused"
    assert said in terminal.getvalue() and " invalid " in terminal.getvalue()
    page = report.files["html"].read_text()
    assert said in page and "6.2 % cut, 2.5 % empty, 1.2 % refused" in page
    assert said in report.files["markdown"].read_text()
    lines = {line["agent"]: line for line in csv.DictReader(io.StringIO(report.files["leaderboard"].read_text()))}
    shares = {name: [lines[f"agent:{n}"][f"answers_{name}"] for n in range(3)] for name in ("invalid", "cut", "empty")}
    assert shares == {
        "invalid": ["0.0", "0.125", ""],
        "cut": ["0.0", "0.0625", ""],
        "empty": ["0.0", "0.025", ""],
    }
    assert lines["agent:1"]["answers_refused"] == "0.0125"
