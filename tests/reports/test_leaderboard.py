import json
import math

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from infraray.errors import InfrarayError
from infraray.reports import evaluate
from infraray.reports.failures import KEPT
from infraray.statistics.comparisons import ALL_PAIRS_UP_TO
from infraray.statistics.intervals import BOOTSTRAP_FROM
from tests.reports.synthetic import episodes, manifest

NAN = math.nan


def board_of(table, **arguments):
    (scenario,) = evaluate(table.to_batches(), manifest(table, **arguments)).scenarios
    return scenario.leaderboard


def noisy(agents=4, tasks=30, seed=0):
    """Task difficulty that all share, an effect of 0.5 an agent, and noise."""
    generator = np.random.default_rng(seed)
    difficulty = generator.lognormal(1, 1, size=tasks)
    return difficulty + 0.5 * np.arange(agents)[:, None] + generator.normal(0, 0.2, size=(agents, tasks))


def test_best_agent_stands_first_whichever_way_is_better():
    scores = noisy()
    assert [row.agent for row in board_of(episodes(scores)).rows] == [f"agent:{index}" for index in (0, 1, 2, 3)]
    up = board_of(episodes(scores, higher=True))
    assert [row.agent for row in up.rows] == [f"agent:{index}" for index in (3, 2, 1, 0)]
    assert [row.rank for row in up.rows] == [1, 2, 3, 4]


def test_pairing_by_task_tells_apart_what_the_means_cannot():
    rows = board_of(episodes(noisy())).rows
    assert rows[0].score.high > rows[1].score.value, "the intervals of the means overlap"
    assert rows[1].versus_best.verdict == "worse"
    assert not rows[1].shares_rank


def test_repetitions_count_as_one_task():
    scores = noisy()
    once = board_of(episodes(scores)).rows
    thrice = board_of(episodes(np.repeat(scores[:, :, None], 3, axis=2))).rows
    for one, three in zip(once, thrice, strict=True):
        assert (three.score.value, three.score.sem, three.score.n) == pytest.approx(
            (one.score.value, one.score.sem, one.score.n)
        )
        assert (three.score.low, three.score.high) == pytest.approx((one.score.low, one.score.high), rel=1e-5)
        assert three.episodes == 3 * one.episodes


def test_few_shared_tasks_are_compared_by_the_paired_t_test():
    scores = noisy(agents=2, tasks=BOOTSTRAP_FROM - 1)
    (comparison,) = board_of(episodes(scores)).comparisons
    expected = stats.ttest_rel(scores[0], scores[1]).confidence_interval(0.95)
    assert (comparison.difference.low, comparison.difference.high) == pytest.approx((expected.low, expected.high))


def test_verdict_follows_the_direction_and_the_side():
    comparisons = board_of(episodes(noisy())).comparisons
    assert comparisons.of("agent:0", "agent:3").verdict == "better"
    assert comparisons.of("agent:3", "agent:0").verdict == "worse"
    there, back = (comparisons.of(*pair).difference for pair in (("agent:0", "agent:3"), ("agent:3", "agent:0")))
    assert (back.value, back.low, back.high) == (-there.value, -there.high, -there.low)


def test_identical_agents_are_tied():
    board = board_of(episodes(np.repeat(noisy(agents=1), 2, axis=0)))
    assert [(row.rank, row.shares_rank) for row in board.rows] == [(1, True), (1, True)]
    assert board.rows[1].versus_best.verdict == "tied"
    assert board.rows[1].versus_best.difference.value == 0


@pytest.mark.parametrize("tasks", [6, 25])
def test_agents_without_a_difference_are_tied_95_times_in_100(tasks):
    generator = np.random.default_rng(tasks)
    scores = generator.normal(size=(60, tasks))
    verdicts = [comparison.verdict for comparison in board_of(episodes(scores)).comparisons]
    assert verdicts.count("tied") / len(verdicts) == pytest.approx(0.95, abs=0.02)


def test_failed_episodes_are_counted_and_named():
    scores = noisy(agents=2, tasks=12)
    scores[1, [0, 5]] = NAN
    failures = np.full(scores.shape, None, dtype=object)
    failures[1, 0], failures[1, 5] = "TimeLimit: 300 s", "TimeLimit: 300 s"
    better, worse = board_of(episodes(scores, failure=failures.ravel())).rows
    assert (worse.episodes, worse.finished, worse.failed, worse.failure) == (12, 10, 2, "TimeLimit: 300 s")
    assert worse.score.n == worse.versus_best.difference.n == 12
    assert (better.failed, better.failure) == (0, None)


def test_most_frequent_failure_is_named():
    failures = ["A", "B", "B", None]
    (row,) = board_of(episodes([[NAN, NAN, NAN, 1.0]], failure=failures)).rows
    assert (row.failed, row.failure) == (3, "B")


def test_episode_that_the_step_limit_ended_has_a_score_and_a_remark():
    (row,) = board_of(episodes([[1.0, 2.0]], failure=["step_limit", None])).rows
    assert (row.finished, row.failed, row.flawed, row.flaw) == (2, 0, 1, "step_limit")
    assert row.score.n == 2


def test_place_is_the_ratio_of_means_between_floor_and_bound():
    scores, floor, bound = np.array([[5.0, 40.0]]), [[10.0, 100.0]], [[1.0, 20.0]]
    board = board_of(episodes(scores, floor=floor, bound=bound))
    assert (board.floor, board.bound) == (55, 10.5)
    assert board.rows[0].place.value == pytest.approx((22.5 - 55) / (10.5 - 55))


def test_place_is_unknown_where_floor_and_bound_are():
    board = board_of(episodes([[5.0, 40.0]], floor=NAN, bound=NAN))
    assert math.isnan(board.rows[0].place.value) and math.isnan(board.floor)
    same = board_of(episodes([[5.0, 40.0]], floor=7.0, bound=7.0))
    assert math.isnan(same.rows[0].place.value)


def test_agent_without_a_score_stands_last_without_a_rank():
    table = episodes([[1.0, 2.0]])
    board = board_of(table, owed=2, agents=["agent:owed", "agent:0"])
    assert [(row.agent, row.rank) for row in board.rows] == [("agent:0", 1), ("agent:owed", None)]


def test_agent_whose_episodes_are_all_owed_is_listed():
    table = episodes(noisy(agents=1, tasks=3))
    (scenario,) = evaluate(table.to_batches(), manifest(table, owed=3, agents=["agent:0", "scripted:slow"])).scenarios
    assert (scenario.owed, scenario.collected) == (3, 3)
    last = scenario.leaderboard.rows[-1]
    assert (last.agent, last.episodes, last.score.n) == ("scripted:slow", 0, 0)


def test_single_task_gives_a_score_and_no_verdict():
    rows = board_of(episodes([[1.0], [2.0]])).rows
    assert rows[0].score.value == 1 and math.isnan(rows[0].score.low)
    assert rows[1].versus_best.verdict == "n/a"
    assert [(row.rank, row.shares_rank) for row in rows] == [(1, False), (2, False)]


def test_rates_metrics_tokens_and_times_are_summed_up():
    table = episodes(
        [[1.0, 2.0], [3.0, 4.0]],
        correct=np.array([[True, False], [True, True]]),
        metrics=[json.dumps({"p99_s": value, "count": 1}) for value in (1.0, 3.0, 5.0, 7.5)],
        input_tokens=[10, 20, None, None],
        wall_s=[[1.0, 3.0], [5.0, 7.0]],
    )
    first, second = board_of(table).rows
    assert (first.correct.value, second.correct.value, first.safe) == (0.5, 1.0, None)
    assert (first.metrics["p99_s"], second.metrics["p99_s"]) == (2.0, 6.25)
    assert (first.input_tokens, second.input_tokens, first.output_tokens) == (30, None, None)
    assert (first.wall_s, first.total_wall_s) == (2.0, 4.0)


def test_metric_that_is_sometimes_whole_missing_or_unknown_is_still_averaged():
    texts = ['{"a":1}', '{"a":2.5,"note":"x"}', '{"a":null}', "{}"]
    (row,) = board_of(episodes([[1.0, 2.0, 3.0, 4.0]], metrics=texts)).rows
    assert row.metrics == {"a": 1.75}


def test_episodes_of_an_earlier_plan_are_left_out_and_counted():
    table = episodes(noisy(agents=2, tasks=4), parameters=['{"servers":3}'] * 6 + ['{"servers":9}'] * 2)
    report = evaluate(table.to_batches(), manifest(table, agents=["agent:0", "agent:1"]))
    assert report.left_out == 2 and report.owed == 2
    assert {row.agent: row.episodes for row in report.scenarios[0].leaderboard.rows} == {"agent:0": 4, "agent:1": 2}
    assert any("left out" in warning for warning in report.warnings)


def test_episodes_of_another_level_are_left_out():
    table = episodes([[1.0, 2.0, 9.0]], level=[1, 1, 2])
    report = evaluate(table.to_batches(), manifest(table))
    assert report.left_out == 1 and report.scenarios[0].leaderboard.rows[0].score.value == 1.5


def test_agents_and_seeds_that_the_plan_no_longer_holds_are_left_out():
    table = episodes(noisy(agents=3, tasks=5))
    plan = manifest(table, agents=["agent:0", "agent:1"], seeds=[0, 2], owed=4 - 15)
    report = evaluate(table.to_batches(), plan)
    assert (report.collected, report.owed, report.left_out) == (4, 0, 11)


def test_scenarios_keep_the_plans_order():
    tables = [episodes([[1.0, 2.0]], label=label) for label in ("zebra", "ape")]
    report = evaluate(pa.concat_tables(tables).to_batches(), manifest(*tables))
    assert [scenario.label for scenario in report.scenarios] == ["zebra", "ape"]


def test_run_without_episodes_is_one_clear_line():
    table = episodes([[1.0, 2.0]])
    with pytest.raises(InfrarayError, match=r"^nothing to report: none of the 2 planned episodes is collected"):
        evaluate(table.slice(0, 0).to_batches(), manifest(table))


def test_run_of_failures_alone_is_reported():
    report = evaluate((table := episodes([[NAN, NAN]])).to_batches(), manifest(table))
    assert report.failed == 2
    assert "2 episodes of 2 failed" in report.warnings[0]


def test_beyond_a_hundred_agents_everyone_still_meets_the_best_and_their_neighbour():
    agents = ALL_PAIRS_UP_TO + 5
    board = board_of(episodes(noisy(agents=agents, tasks=3)))
    assert len(list(board.comparisons)) == ALL_PAIRS_UP_TO * (ALL_PAIRS_UP_TO - 1) // 2 + 2 * 5
    assert board.rows[-1].versus_best is not None


@pytest.mark.parametrize("rows", [1, 7, 64])
def test_a_report_does_not_depend_on_how_many_episodes_are_read_at_a_time(rows):
    generator = np.random.default_rng(rows)
    scores = generator.lognormal(0, 3, size=(3, 20, 2))
    scores[generator.random(scores.shape) < 0.1] = NAN
    table = episodes(
        scores,
        wall_s=generator.lognormal(0, 9, size=scores.shape).ravel(),
        metrics=[json.dumps({"a": float(value)}) for value in generator.lognormal(0, 200, size=scores.size)],
        failure=generator.choice(["x", "y", None], size=scores.size),
        correct=generator.random(scores.shape) < 0.5,
    )
    whole, by_parts = (
        evaluate(table.to_batches(max_chunksize=size), manifest(table)) for size in (table.num_rows, rows)
    )
    assert repr(by_parts) == repr(whole)


def test_of_very_many_different_failures_the_frequent_one_is_named():
    reasons = np.array([f"at 0x{place:x}" for place in range(6 * KEPT)], dtype=object)
    reasons[::50] = "TimeLimit: 300 s"
    table = episodes(np.full((1, len(reasons)), NAN), failure=reasons)
    (row,) = evaluate(table.to_batches(max_chunksize=500), manifest(table)).scenarios[0].leaderboard.rows
    assert (row.failed, row.failure) == (len(reasons), "TimeLimit: 300 s")
