"""Failing pays for nobody, whatever the scores."""

import csv
import io
import math

import numpy as np
import pytest
from rich.console import Console

from infraray.reports import evaluate, print_report, write_report
from infraray.reports.csv_files import comparisons_csv, leaderboard_csv
from infraray.reports.markdown import make_markdown
from tests.reports.synthetic import episodes, manifest, write_run

NAN = math.nan


def report_of(scores, **columns):
    table = episodes(scores, **columns)
    return evaluate(table.to_batches(), manifest(table))


def board_of(scores, **columns):
    return report_of(scores, **columns).scenarios[0].leaderboard


def rows_of(board):
    return {row.agent: row for row in board.rows}


def generated(number):
    """A run of any shape and either direction; some agents are worse than the floor, some fail."""
    generator = np.random.default_rng(number)
    agents, tasks = int(generator.integers(2, 6)), int(generator.integers(1, 14))
    repetitions = int(generator.integers(1, 3))
    spread = float(np.exp(generator.normal(0, 2)))
    scores = np.exp(generator.normal(0, spread, (1, tasks, 1)))
    scores = scores * np.exp(generator.normal(0, 0.5, (agents, tasks, repetitions)))
    floor = np.broadcast_to(
        scores.mean(axis=(0, 2))[None, :] * np.exp(generator.normal(0.3, 0.5, tasks)), scores.shape[:2]
    )
    higher = bool(generator.random() < 0.5)
    if higher:
        scores, floor = -scores, -floor
    scores[generator.random(scores.shape) < 0.1] = NAN
    return generator, scores, floor, higher


def at_least_as_bad(worse, better, higher):
    """Whether one figure is no better than another; no figure is no worse than any."""
    slack = 1e-6 * (1 + abs(better)) if math.isfinite(better) else 0
    return math.isnan(worse) or math.isnan(better) or (worse <= better + slack if higher else worse >= better - slack)


@pytest.mark.parametrize("number", range(150))
def test_an_agent_that_fails_where_its_twin_plays_never_stands_above_it(number):
    """Whatever it plays, also where that is worse than chance and worse than all others."""
    generator, scores, floor, higher = generated(number)
    tasks = scores.shape[1]
    # On any tasks, or on the hard ones.
    order = np.argsort(np.abs(np.nanmean(np.append(scores, floor[:, :, None], axis=2), axis=(0, 2))))
    hard = (
        order[generator.integers(tasks) :]
        if generator.random() < 0.5
        else np.flatnonzero(generator.random(tasks) < 0.5)
    )
    twin = scores[:1].copy()
    twin[:, hard] = NAN
    table = episodes(np.concatenate([scores, twin]), floor=np.concatenate([floor, floor[:1]]), higher=higher)
    board = evaluate(table.to_batches(), manifest(table)).scenarios[0].leaderboard
    rows = rows_of(board)
    player, quitter = rows["agent:0"], rows[f"agent:{len(scores)}"]
    assert quitter.rank >= player.rank
    assert board.rows.index(quitter) > board.rows.index(player)
    assert at_least_as_bad(quitter.score.value, player.score.value, higher)
    assert at_least_as_bad(quitter.place.value, player.place.value, True) or higher is False
    for other in rows:
        if other not in (player.agent, quitter.agent):
            one, two = (board.comparisons.of(agent, other).difference for agent in (quitter.agent, player.agent))
            assert at_least_as_bad(one.value, two.value, higher)


@pytest.mark.parametrize("number", range(150))
def test_to_play_no_worse_than_chance_and_then_fail_improves_nothing(number):
    """Rank, mean, place and differences before and after some of an agent's episodes are replaced by failures."""
    generator, scores, floor, higher = generated(number)
    floor = np.broadcast_to(
        (np.nanmin if higher else np.nanmax)(np.append(scores, floor[:, :, None], axis=2), axis=(0, 2))[None],
        floor.shape,
    )
    bound = floor + (1 if higher else -1) * np.exp(generator.normal(3, 1, floor.shape[1]))[None]
    worse = scores.copy()
    worse[0][generator.random(scores[0].shape) < generator.random()] = NAN
    columns = {"floor": floor, "bound": np.broadcast_to(bound, floor.shape), "higher": higher}
    before, after = board_of(scores, **columns), board_of(worse, **columns)
    one, two = rows_of(before)["agent:0"], rows_of(after)["agent:0"]
    assert two.rank >= one.rank
    assert after.rows.index(two) >= before.rows.index(one)
    assert at_least_as_bad(two.score.value, one.score.value, higher)
    assert at_least_as_bad(two.place.value, one.place.value, True)
    for other in rows_of(before):
        if other != "agent:0":
            was, now = (board.comparisons.of("agent:0", other).difference for board in (before, after))
            assert at_least_as_bad(now.value, was.value, higher)


@pytest.mark.parametrize("number", range(100))
def test_rank_badge_files_and_plots_agree_with_the_paired_table(number):
    _, scores, floor, higher = generated(1000 + number)
    report = report_of(scores, floor=floor, higher=higher)
    (scenario,) = report.scenarios
    board = scenario.leaderboard
    ranked = [row for row in board.rows if row.rank is not None]
    assert [row.rank for row in ranked] == sorted(row.rank for row in ranked)
    for position, row in enumerate(ranked):
        above = ranked[:position]
        assert all(board.comparisons.of(one.agent, row.agent).verdict != "worse" for one in above)
        apart = sum(board.comparisons.of(one.agent, row.agent).verdict == "better" for one in above)
        assert row.rank >= 1 + apart
        if row.rank == 1 and position:
            assert row.versus_best.verdict in ("tied", "n/a")
    lines = list(csv.DictReader(io.StringIO(leaderboard_csv(report))))
    assert [line["agent"] for line in lines] == [row.agent for row in board.rows]
    assert [line["rank"] for line in lines[: len(ranked)]] == [str(row.rank) for row in ranked]
    for line in csv.DictReader(io.StringIO(comparisons_csv(report))):
        assert line["verdict"] != "worse"
    for row in ranked:
        # The points of the distribution are those that the mean is of.
        assert scenario.distributions[row.agent].episodes == row.episodes


@pytest.mark.parametrize("higher", [True, False])
def test_agent_that_raises_on_eighteen_of_twenty_tasks_is_not_best(higher):
    generator = np.random.default_rng(0)
    hardness = np.sort(generator.uniform(5, 50, 20))
    sign = -1 if higher else 1
    good, chance = sign * (hardness + generator.normal(0, 0.1, 20)), sign * (2 * hardness)
    raiser = np.where(np.arange(20) < 2, good - sign * 0.5, NAN)
    report = report_of([good, chance, raiser], floor=np.tile(chance, (3, 1)), higher=higher)
    board = report.scenarios[0].leaderboard
    rows = rows_of(board)
    assert [row.agent for row in board.rows] == ["agent:0", "agent:2", "agent:1"]
    assert rows["agent:2"].rank > 1 and rows["agent:2"].versus_best.verdict == "worse"
    assert rows["agent:2"].score.value == pytest.approx(np.where(np.isnan(raiser), chance, raiser).mean())
    assert (rows["agent:2"].failed, rows["agent:2"].forfeited, rows["agent:2"].score.n) == (18, 18, 20)
    assert "18 episodes of 60 failed. Each counts as the worst score" in report.warnings[0]


def test_a_failure_counts_as_the_worst_of_the_floor_and_of_what_was_played():
    scores = [[1.0, 1.0, 1.0], [9.0, 30.0, 2.0], [NAN, NAN, NAN]]
    row = rows_of(board_of(scores, floor=[[10.0, 10.0, 10.0]] * 3, bound=[[1.0, 1.0, 1.0]] * 3))["agent:2"]
    assert row.score.value == pytest.approx((10 + 30 + 10) / 3)
    assert row.place.value == pytest.approx((0 - 20 / 9 + 0) / 3)


def test_failed_rows_have_the_floor_of_the_others_and_without_any_the_worst_that_was_played():
    scores = np.array([[1.0, 2.0], [5.0, 4.0], [NAN, NAN]])
    floor = np.where(np.isnan(scores), NAN, 10.0)
    assert rows_of(board_of(scores, floor=floor))["agent:2"].score.value == 10
    assert rows_of(board_of(scores, floor=NAN, bound=NAN))["agent:2"].score.value == pytest.approx(4.5)


def test_an_answer_that_ends_the_episode_early_is_not_worth_the_floor_of_the_easy_beginning():
    floor = [[10.0, 10.0], [10.0, 0.5]]
    scores = [[5.0, 6.0], [5.5, 0.5]]
    failure = [None, None, None, "invalid_action"]
    rows = rows_of(board_of(scores, floor=floor, failure=failure))
    assert rows["agent:1"].score.value == pytest.approx((5.5 + 10) / 2) and rows["agent:1"].rank == 2
    assert (rows["agent:1"].failed, rows["agent:1"].forfeited) == (0, 1)


def test_task_that_nobody_finished_and_whose_floor_is_unknown_counts_for_nobody():
    report = report_of([[1.0, NAN], [2.0, NAN]], floor=NAN, bound=NAN)
    assert [row.score.n for row in report.scenarios[0].leaderboard.rows] == [1, 1]
    assert any("2 episodes without a score left out" in warning for warning in report.warnings)


def test_failed_episodes_are_neither_correct_nor_safe():
    correct = np.array([[True, False], [True, None]], dtype=object)
    rows = rows_of(
        board_of([[1.0, 2.0], [1.0, NAN]], correct=correct, safe=np.array([[True, True], [True, None]], dtype=object))
    )
    assert (rows["agent:1"].correct.value, rows["agent:1"].safe.value) == (0.5, 0.5)
    assert (rows["agent:0"].correct.value, rows["agent:0"].safe.value) == (0.5, 1.0)


@pytest.mark.parametrize("score", [NAN, math.inf, -math.inf])
def test_finished_episode_without_a_finite_score_counts_as_failed_and_is_told(score):
    report = report_of([[1.0, 2.0], [0.5, score]], status="finished", failure=[None] * 4)
    rows = rows_of(report.scenarios[0].leaderboard)
    assert rows["agent:1"].score.value == pytest.approx((0.5 + 10) / 2)
    assert (rows["agent:1"].unscored, rows["agent:1"].forfeited, rows["agent:1"].failed) == (1, 1, 0)
    said = io.StringIO()
    print_report(report, Console(file=said, width=200))
    assert "1 episode finished without a finite score and count" in said.getvalue()


def test_one_failure_among_few_tasks_makes_nobody_tied_with_the_best():
    """Student's interval of four tasks would span zero: the more so, the worse the failure is."""
    scores = np.array([[1.0, 2.0, 3.0, 4.0], [2.0, 3.01, 4.0, 5.0]])
    assert [row.rank for row in board_of(scores, floor=100.0).rows] == [1, 2]
    scores[1, 0] = NAN
    rows = board_of(scores, floor=100.0).rows
    assert [(row.agent, row.rank) for row in rows] == [("agent:0", 1), ("agent:1", 2)]
    assert rows[1].versus_best.verdict == "n/a"


def test_agents_that_nothing_separates_share_a_rank_and_are_told_how_many_seeds_would():
    generator = np.random.default_rng(4)
    scores = generator.normal(0, 1, 20) + generator.normal(0, 0.3, (3, 20)) + np.array([[0.0], [0.05], [5.0]]) + 20
    report = report_of(scores)
    rows = report.scenarios[0].leaderboard.rows
    assert [(row.rank, row.shares_rank) for row in rows] == [(1, True), (1, True), (3, False)]
    seeds = rows[1].seeds_to_separate
    assert seeds > 20 and rows[2].seeds_to_separate is None
    said = io.StringIO()
    print_report(report, Console(file=said, width=200))
    for text in (said.getvalue(), make_markdown(report)):
        assert "Seeds that would tell the tied from the best (80 % power): about " in text
        assert "are not corrected for 3 comparisons" in text
    lines = list(csv.DictReader(io.StringIO(leaderboard_csv(report))))
    assert lines[1]["seeds_to_separate"] == str(seeds) and lines[1]["correction"] == "none"


@pytest.mark.parametrize("size", [1e300, 1.7e308])
@pytest.mark.parametrize("tasks", [1, 3, 12])
def test_scores_as_large_as_numbers_go_have_a_report(tmp_path, size, tasks):
    generator = np.random.default_rng(0)
    scores = size * generator.uniform(-1, 1, size=(3, tasks, 2))
    scores[2, 0] = NAN
    table = episodes(scores, floor=size, bound=-size, metrics=f'{{"m":{size}}}')
    report = write_report(write_run(tmp_path / "run", table))
    print_report(report, Console(file=io.StringIO(), width=80))
    for row in report.scenarios[0].leaderboard.rows:
        assert math.isfinite(row.score.value) and math.isfinite(row.place.value)
        assert row.metrics == {} or math.isfinite(row.metrics["m"])


def test_an_agent_that_lacks_tasks_stands_below_those_that_lack_none():
    scores = np.tile(np.arange(1.0, 13.0), (2, 1))
    scores[1] -= 0.5
    table = episodes(scores)
    keep = [
        not (agent == "agent:1" and seed > 7)
        for agent, seed in zip(table["agent"].to_pylist(), table["seed"].to_pylist(), strict=True)
    ]
    board = evaluate(table.filter(keep).to_batches(), manifest(table)).scenarios[0].leaderboard
    assert [(row.agent, row.rank) for row in board.rows] == [("agent:0", 1), ("agent:1", 2)]
    assert board.rows[1].versus_best.verdict == "n/a"
