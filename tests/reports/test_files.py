import csv
import io
import itertools
import json
import math
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from rich.console import Console

from infraray.errors import InfrarayError
from infraray.reports import print_report, write_report
from tests.reports.synthetic import HOSTILE, episodes, write_run


def hostile_tables():
    generator = np.random.default_rng(0)
    scores = generator.lognormal(size=(len(HOSTILE), 12))
    scores[1, 3:6] = math.nan
    reasons = np.full(scores.size, None, dtype=object)
    reasons[np.isnan(scores.ravel())] = "ValueError: </code><script>alert(3)</script>\n| \x00"
    costs = episodes(scores, agents=HOSTILE, failure=reasons, label='<b>"costs"&', correct=scores < 1)
    quality = episodes(scores[:2, :8] - 3, agents=HOSTILE[:2], label="quality", higher=True)
    return costs, quality


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("runs") / "hostile", *hostile_tables(), name="<i>run</i>")


@pytest.fixture(scope="module")
def report(hostile):
    return write_report(hostile)


class Page(HTMLParser):
    """What a browser would find in the page."""

    VOID = ("meta", "br", "img", "link", "input", "hr")

    def __init__(self, text):
        super().__init__()
        self.tags, self.ids, self.links, self.open, self.text = [], [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        found = dict(attributes)
        self.ids += [found["id"]] if "id" in found else []
        self.links += [found[name] for name in ("href", "src", "xlink:href") if name in found]
        assert not [name for name in found if name.startswith("on")], f"<{tag}> has an event handler"
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def page(report):
    return Page(report.files["html"].read_text())


def test_four_files_stand_in_the_runs_folder(report, hostile):
    names = {"index.html", "leaderboard.md", "leaderboard.csv", "comparisons.csv"}
    assert {path.name for path in (hostile / "report").iterdir()} == names
    assert {path.name for path in report.files.values()} == names


def test_page_is_well_formed_and_its_identifiers_are_unique(page):
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert page.tags.count("svg") == 7


def test_page_needs_nothing_from_outside(page, report):
    assert all(link.startswith("#") and link[1:] in page.ids for link in page.links)
    text = report.files["html"].read_text()
    assert not re.search(r"@import|url\((?!#)|<link|<iframe|<img", text)


def test_hostile_names_and_reasons_are_text(page, report):
    assert page.tags.count("script") == 1
    shown = " ".join(page.text)
    for agent in HOSTILE[:4]:
        assert agent in shown
    assert "</code><script>alert(3)</script>" in shown
    text = report.files["html"].read_text()
    assert "\x00" not in text and "\x1b" not in text


def test_pages_policy_forbids_every_script_but_its_own(report):
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', report.files["html"].read_text())[1]
    assert "default-src 'none'" in policy
    assert re.search(r"script-src 'sha256-[\w+/=]+'$", policy)


def test_report_is_the_same_every_time(report, hostile, tmp_path):
    again = write_report(hostile, tmp_path)
    for kind, path in report.files.items():
        assert path.read_bytes() == again.files[kind].read_bytes(), kind


def test_csv_has_a_line_for_each_agent_in_full_precision(report):
    lines = list(csv.DictReader(io.StringIO(report.files["leaderboard"].read_text())))
    assert len(lines) == len(HOSTILE) + 2
    first = report.scenarios[0].leaderboard.rows[0]
    assert lines[0]["agent"] == first.agent
    assert float(lines[0]["score"]) == first.score.value
    assert lines[0]["verdict"] == "" and lines[1]["verdict"] in ("tied", "worse", "better")


def test_csv_of_comparisons_has_a_line_for_each_pair(report):
    lines = list(csv.DictReader(io.StringIO(report.files["comparisons"].read_text())))
    assert len(lines) == len(HOSTILE) * (len(HOSTILE) - 1) // 2 + 1
    assert {line["verdict"] for line in lines} <= {"tied", "better", "worse"}
    one = next(line for line in lines if "<script>" in line["agent"] + line["other"])
    assert one["tasks"] == "12"


def test_markdown_tables_are_whole(report):
    text = report.files["markdown"].read_text()
    widths = [len(re.findall(r"(?<!\\)\|", line)) for line in text.splitlines() if line.startswith("| ")]
    assert widths[:4] == [5] * 4 and 5 not in widths[4:]  # the overview: heading, rule and two agents in both
    for _, rows in itertools.groupby(widths):
        assert len(list(rows)) >= 4  # every row of a table is as wide as its heading
    assert len(widths) > 2 * len(HOSTILE)
    assert "<script>" not in text and "\\<script\\>" in text


def test_terminal_of_80_columns_is_not_overrun(report):
    console = Console(file=io.StringIO(), width=80, force_terminal=True, legacy_windows=False)
    with console.capture() as capture:
        print_report(report, console)
    lines = re.sub(r"\x1b\[[\d;]*m", "", capture.get()).splitlines()
    assert max(len(line) for line in lines if not line.startswith("report:")) <= 80
    assert any(line.strip().startswith("=1 ") for line in lines)


def test_pipe_gets_whole_names_and_no_colours(report):
    file = io.StringIO()
    print_report(report, Console(file=file, width=80))
    text = file.getvalue()
    assert "\x1b" not in text
    for agent in HOSTILE[:4]:
        assert agent in text
    assert "[red]x[/red]" in text
    assert "3 episodes failed, most often ValueError" in text


def test_unfinished_run_says_how_much_is_owed(tmp_path):
    table = episodes(np.random.default_rng(0).normal(size=(2, 5)))
    run = write_run(tmp_path / "run", table)
    manifest = json.loads((run / "run.json").read_text())
    manifest["scenarios"]["costs"]["owed_total"] = 400
    (run / "run.json").write_text(json.dumps(manifest))
    file = io.StringIO()
    report = write_report(run)
    print_report(report, Console(file=file, width=80))
    for text in (file.getvalue(), *(report.files[kind].read_text() for kind in ("html", "markdown"))):
        assert "390 episodes of 400 are owed" in text


def test_run_without_episodes_names_the_folder(tmp_path):
    run = write_run(tmp_path / "run", episodes([[1.0]]))
    (run / "episodes" / "part-0.parquet").unlink()
    with pytest.raises(InfrarayError) as caught:
        write_report(run)
    assert str(caught.value).startswith(f"{run}: nothing to report") and "\n" not in str(caught.value)
    assert not (run / "report").exists()


def test_folder_without_a_run_is_one_line(tmp_path):
    with pytest.raises(InfrarayError, match=r"holds no run"):
        write_report(tmp_path)


def test_folder_that_cannot_be_written_is_one_line(tmp_path):
    run = write_run(tmp_path / "run", episodes([[1.0, 2.0]]))
    (tmp_path / "file").write_text("")
    with pytest.raises(InfrarayError, match=r"file/report: the report cannot be written \(Not a directory\)$"):
        write_report(run, tmp_path / "file" / "report")


@pytest.mark.parametrize("scores", [[[1.0]], [[math.nan]], [[0.0, 0.0], [0.0, 0.0]], [[1e300, -1e300], [1e-300, 5]]])
def test_extreme_runs_have_a_report(tmp_path, scores):
    report = write_report(write_run(tmp_path / "run", episodes(scores)))
    print_report(report, Console(file=io.StringIO(), width=80))
    assert Page(report.files["html"].read_text()).open == []
