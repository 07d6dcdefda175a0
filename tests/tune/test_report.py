"""A study's report says what the journal says: the studies are made by the product, but for the cluster."""

import dataclasses
import math
import shutil
import statistics
from io import StringIO
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from matplotlib.figure import Figure
from rich.console import Console

from infraray.errors import InfrarayError
from infraray.reports.report import report as run_report
from infraray.testing.search_problems import SWITCHES, bowl
from infraray.trajectories.journal import Journal, read_journal
from infraray.trajectories.reader import Run
from infraray.tune.report import print_study_report, study_report, write_study_report
from infraray.tune.report.importance import LEAST_TRIALS, find_importance
from infraray.tune.report.page import make_study_page
from infraray.tune.report.plots.importances import draw_importances
from infraray.tune.report.plots.parallel_coordinates import INACTIVE, draw_parallel_coordinates
from infraray.tune.report.plots.progress import draw_progress
from infraray.tune.search import search
from infraray.tune.study_file import StudySpec
from tests.tune.played_study import play_study

BOWLS = str(Path(__file__).with_name("bowls.py"))
POTTER = "scripted:potter"


def spec_of(searcher: str, trials: int, **parameters):
    return StudySpec.parse(
        {
            "name": "bowls",
            "scenario": "bowls",
            "imports": [BOWLS],
            "searcher": searcher,
            "budget": {"trials": trials},
            "seeds": 3,
            "evaluation_seeds": "100:104",
            "against": [POTTER],
            "parameters": {"cracked": "raises", **parameters},
        }
    )


def make_study(folder: Path, searcher: str, trials: int, **parameters) -> Path:
    """A study's folder; trial after trial, each a second long."""
    return play_study(spec_of(searcher, trials, **parameters), folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_study(tmp_path_factory.mktemp("random") / "run", "random", 40)


@pytest.fixture(scope="module")
def report(folder):
    return study_report(folder)


def episodes_of(folder):
    return Run(folder).episodes().to_pylist()


def drawn(draw, report):
    figure = Figure(figsize=(9, 4))
    draw(report, figure)
    return figure


def test_every_trial_of_the_journal_is_a_row(report, folder):
    finished = [event for event in read_journal(folder / "trials.jsonl") if event["kind"] == "finished"]
    assert [row.number for row in report.trials] == [event["trial"] for event in finished]
    scores = {row["agent"]: [] for row in episodes_of(folder)}
    for row in episodes_of(folder):
        scores[row["agent"]] += [] if row["seed"] >= 100 or row["score"] is None else [row["score"]]
    for row in report.trials:
        assert list(row.evaluation.samples) == sorted(scores[row.label])
    assert len(report.scored) + len(report.failed) == len(report.trials) == 40
    assert len(report.failed) > 5 and report.seconds == 40.0


def test_a_trial_that_the_deadline_cut_off_is_no_failure_and_counts_once_when_it_is_measured_later(tmp_path):
    folder = make_study(tmp_path / "run", "random", 4)
    with Journal(folder / "trials.jsonl") as journal:
        asked = next(event for event in journal.events if event["kind"] == "asked")
        journal.append({**asked, "trial": 4})
        ended = {"kind": "finished", "trial": 4, "id": "later"}
        journal.append({**ended, "began_s": 4.0, "ended_s": 4.5, "cut_off": True})
    report = study_report(folder)
    assert [row.number for row in report.cut_off] == [4] and report.seconds == 4.5
    assert not any(row.number == 4 for row in (*report.failed, *report.scored))
    with Journal(folder / "trials.jsonl") as journal:
        journal.append({**ended, "began_s": 5.0, "ended_s": 6.0, "cut_off": False})
    report = study_report(folder)
    assert not report.cut_off and [row.number for row in report.trials] == [0, 1, 2, 3, 4]
    assert report.trials[4].score == report.trials[0].score


def test_best_so_far_is_the_running_minimum_of_what_was_scored(report):
    scores = [math.inf if math.isnan(row.score) else row.score for row in report.trials]
    assert report.best_so_far == np.minimum.accumulate(scores).tolist()
    assert report.spent == [float(number) for number in range(1, 41)]


def test_best_so_far_is_drawn_over_trials_and_over_seconds(report):
    panels = drawn(draw_progress, report).axes
    assert [axes.get_xlabel() for axes in panels] == ["full measurements", "seconds"]
    for axes, places in zip(panels, (report.spent, [row.ended_s for row in report.trials]), strict=True):
        lines = {line.get_label(): line for line in axes.lines}
        best = lines["best so far"]
        assert best.get_xdata().tolist() == [*places, places[-1]]
        assert best.get_ydata().tolist() == [*report.best_so_far, report.best_so_far[-1]]
        assert len(lines["failed or cut off"].get_xdata()) == len(report.failed)
        assert lines["defaults"].get_ydata()[0] == report.trials[0].score


def test_trials_on_smaller_budgets_cost_their_share_and_are_no_best(tmp_path):
    report = study_report(make_study(tmp_path / "run", "bohb", 6))
    small = [row for row in report.trials if row.budget < report.max_budget]
    assert small and report.max_budget == 9
    assert report.spent[-1] == pytest.approx(sum(row.budget for row in report.trials) / 9)
    full = [row.score for row in report.trials if row.budget == 9 and math.isfinite(row.score)]
    assert report.best_so_far[-1] == min(full)
    first = next(number for number, row in enumerate(report.trials) if row.budget == 9 and math.isfinite(row.score))
    assert all(math.isnan(best) for best in report.best_so_far[:first])


def test_importance_is_the_share_of_the_variance_of_a_function_that_is_known():
    """Sobol's indices of 3a + b over independent uniform a and b are 0.9 and 0.1, and c does nothing."""
    from infraray.space import Float, SearchSpace
    from infraray.space.sampling import sample

    space = SearchSpace("sum", 1, tuple(Float(name, 0.0, 1.0, default=0.5) for name in "abc"))
    random = np.random.default_rng(1)
    drawn = [sample(space, random) for _ in range(300)]
    found = find_importance(space, [(one, 4, 3 * one["a"] + one["b"]) for one in drawn])
    assert list(found.shares)[:2] == ["a", "b"] and found.explained > 0.9
    assert found.shares["a"] == pytest.approx(0.9, abs=0.05) and found.shares["b"] == pytest.approx(0.1, abs=0.05)
    assert found.shares["c"] < 0.02


def test_importance_of_what_is_not_always_active_is_that_of_its_own_draws():
    """For f = x where a switch is on and 0 elsewhere: the variance is 1/6 - 1/16, x's share of it (1/2) / 12.

    The switch's is 1/12: in half of the draws it turns, between 0 and a new x.
    """
    from infraray.space import Categorical, Float, SearchSpace
    from infraray.space.sampling import sample

    switch = Categorical("switch", (False, True), default=False)
    space = SearchSpace("switched", 1, (switch, Float("x", 0.0, 1.0, default=0.5, when={"switch": (True,)})))
    random = np.random.default_rng(1)
    drawn = [sample(space, random) for _ in range(400)]
    found = find_importance(space, [(one, 4, one.get("x", 0.0)) for one in drawn])
    variance = 1 / 6 - 1 / 16
    assert found.shares["x"] == pytest.approx(1 / 24 / variance, abs=0.03)
    assert found.shares["switch"] == pytest.approx(1 / 12 / variance, abs=0.05)


def test_importance_of_the_study_is_drawn_or_says_why_there_is_none(report, tmp_path):
    assert set(report.importance.shares) == {"x", "y", "glaze"}
    # Those with a glaze that cracks have no score: among the others it has no effect.
    assert report.importance.shares["glaze"] == 0
    bars = drawn(draw_importances, report).axes[0].patches
    assert [bar.get_width() for bar in bars] == list(report.importance.shares.values())
    few = find_importance(report.space, [(row.configuration, row.budget, row.score) for row in report.scored[:3]])
    assert not few.shares and f"needs {LEAST_TRIALS} trials" in few.remark


def test_parallel_coordinates_have_a_line_for_each_trial_at_the_heights_of_its_values(report):
    (axes,) = drawn(draw_parallel_coordinates, report).axes
    names = [tick.get_text() for tick in axes.get_xticklabels()]
    assert names == ["x", "y", "glaze", "depth"]
    lines = [line for line in axes.lines if len(line.get_ydata()) == len(names)]
    assert len(lines) == len(report.scored) + len(report.failed)
    best = min(report.scored, key=lambda row: row.score)
    (heights,) = [line.get_ydata() for line in lines if line.get_ydata()[-1] == 1.0]
    for name, height in zip(names[:2], heights[:2], strict=True):
        assert height == pytest.approx(report.space[name].position(best.configuration[name]))
    assert sum(line.get_ydata()[-1] == INACTIVE for line in lines) == len(report.failed)


def test_the_table_has_best_defaults_and_agents_with_mean_sem_and_interval(report):
    rows = {standing.role: standing for standing in report.standings}
    assert [standing.role for standing in report.standings] == ["best", "agent", "defaults"]
    best = min(report.scored, key=lambda row: row.score)
    assert rows["best"].configuration == best.configuration and rows["agent"].label == POTTER
    for role, configuration in (("best", best.configuration), ("defaults", report.space.default)):
        samples = [bowl(configuration) + seed * 0.001 for seed in range(100, 104)]
        score = rows[role].score
        assert (score.n, score.value) == (4, pytest.approx(statistics.fmean(samples)))
        assert score.sem == pytest.approx(statistics.stdev(samples) / 2)
        assert score.low < score.value < score.high
    assert report.best is rows["best"] and report.defaults is rows["defaults"] and not report.warnings


def test_differences_to_the_defaults_are_paired_by_seed(report):
    best, agent, defaults = report.standings
    expected = bowl(best.configuration) - bowl(report.space.default)
    # The seeds' own noise is in both and cancels out.
    assert best.against_defaults.value == pytest.approx(expected)
    assert best.against_defaults.high - best.against_defaults.low < 1e-9 < best.score.high - best.score.low
    assert best.verdict == agent.verdict == "better"
    assert defaults.against_defaults.value == 0


def test_a_best_that_fails_on_the_evaluation_seeds_is_shown_as_refused(tmp_path):
    report = study_report(make_study(tmp_path / "run", "random", 8, unconfirmed=True))
    refused = [standing for standing in report.standings if standing.role == "refused"]
    assert refused and all(standing.evaluation.reason == "seed 100: it leaks" for standing in refused)
    assert any("failed on the evaluation seeds: seed 100: it leaks" in warning for warning in report.warnings)


def test_report_and_summary_name_the_same_best(tmp_path):
    folder = make_study(tmp_path / "run", "random", 8, unconfirmed=True)
    report = study_report(folder)
    summary = search(spec_of("random", 8, unconfirmed=True), folder, quiet=True)
    assert report.best is not None and report.best.configuration == report.space.default
    assert summary.best == report.best.label
    assert "Nothing better than the defaults was found." in report.warnings


def test_files_and_terminal_say_the_same(report, folder):
    written = write_study_report(folder)
    assert written.files["png"].read_bytes().startswith(b"\x89PNG")
    page = written.files["html"].read_text()
    assert (
        page == make_study_page(report, run_report(folder)) and "http" not in page.split("<main>")[1].split("xmlns")[0]
    )
    console = Console(width=200, record=True, file=StringIO())
    print_study_report(written, console)
    said = console.export_text()
    for text in (report.best.label, POTTER, "better"):
        assert text in page and text in said
    assert "40 trials" in said and f"{len(report.failed)} failed" in said and str(written.files["html"]) in said


def test_a_finite_space_has_a_size_and_a_continuous_one_has_none(report, folder):
    assert report.space_size is None and " configurations ·" not in make_study_page(report, run_report(folder))
    assert dataclasses.replace(report, space=SWITCHES).space_size == 8


def test_a_folder_without_a_study_or_without_a_trial_is_one_line(tmp_path, folder):
    with pytest.raises(InfrarayError, match="holds no study; make one with 'infraray search'"):
        study_report(tmp_path)
    (tmp_path / "run.json").write_bytes((folder / "run.json").read_bytes())
    (tmp_path / "trials.jsonl").touch()
    with pytest.raises(InfrarayError, match="nothing to report: no trial has ended"):
        study_report(tmp_path)


def rewritten(folder, target, change):
    """The study with its scores changed; ``change`` maps an episode's score, given its row."""
    shutil.copytree(folder, target)
    for path in target.glob("episodes/*.parquet"):
        table = pq.read_table(path)
        scores = [None if row["score"] is None else change(row["score"], row) for row in table.to_pylist()]
        place = table.schema.get_field_index("score")
        pq.write_table(table.set_column(place, table.schema.field("score"), pa.array(scores, pa.float64())), path)
    return target


@pytest.mark.parametrize("sign", [1, -1])
def test_scores_as_large_as_numbers_go_have_a_report(folder, tmp_path, sign):
    largest = max(abs(row["score"]) for row in episodes_of(folder) if row["score"] is not None)
    factor = sign * (1.7e308 / largest)
    made = write_study_report(rewritten(folder, tmp_path / "run", lambda one, _: one * factor))
    print_study_report(made, Console(width=120, file=StringIO()))
    assert all(math.isfinite(standing.score.value) for standing in made.standings)
    assert made.importance.shares and all(math.isfinite(share) for share in made.importance.shares.values())


def test_best_of_the_search_that_the_defaults_beat_on_the_evaluation_seeds_is_refused(folder, tmp_path):
    """Rank and badge follow the paired comparison: nothing is the best while the row beside it is better."""
    before = study_report(folder)
    best = before.best.configuration

    def worse(one, row):
        return one + 1e3 if row["seed"] >= 100 and row["agent"] == before.best.label else one

    report = study_report(rewritten(folder, tmp_path / "run", worse))
    roles = {standing.role: standing for standing in report.standings}
    assert roles["refused"].configuration == best and roles["refused"].verdict == "worse"
    assert report.best is None or report.best.verdict != "worse"
    assert any("is worse than the defaults there" in warning for warning in report.warnings)


@pytest.mark.parametrize("number", range(40))
def test_no_best_is_worse_than_the_defaults_in_any_study(folder, tmp_path, number):
    random = np.random.default_rng(number)
    spread = float(np.exp(random.normal(0, 2)))
    shifts = {}

    def shifted(one, row):
        if row["seed"] < 100:
            return one
        shift = shifts.setdefault(row["agent"], random.normal(0, spread))
        return one + shift + random.normal(0, 0.3 * spread)

    report = study_report(rewritten(folder, tmp_path / "run", shifted))
    if report.best is not None:
        assert report.best.verdict in ("better", "tied", "n/a")
    for standing in report.standings:
        assert standing.score.low >= 0 or standing.score.low == standing.score.value or report.score.low is None


def test_best_that_is_tied_with_the_defaults_says_how_many_seeds_would_tell(folder, tmp_path):
    noise = iter(np.random.default_rng(0).normal(0, 1, 1000))
    report = study_report(
        rewritten(folder, tmp_path / "run", lambda one, row: 20 + next(noise) if row["seed"] >= 100 else one)
    )
    assert report.best.verdict == "tied" and report.best.seeds_to_separate > 4
    assert any("The best is tied with the defaults; about" in warning for warning in report.warnings)
