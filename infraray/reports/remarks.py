"""Remarks that a reader should know about before believing an agent's line."""

from __future__ import annotations

from collections.abc import Iterator

from infraray.reports.explanation import uncorrected
from infraray.reports.leaderboard import Row
from infraray.reports.notation import count_of, percent, plain, printable
from infraray.reports.report import ScenarioReport
from infraray.statistics.power import POWER, about

_TOLD = 5


def remarks(scenario: ScenarioReport) -> list[tuple[str, str]]:
    """(agent, remarks in one line of plain text) for the agents with any, in the leaderboard's order."""
    found = [
        (printable(row.agent), "; ".join(map(printable, _about(row, scenario)))) for row in scenario.leaderboard.rows
    ]
    return [(agent, text) for agent, text in found if text]


def above_the_table(scenario: ScenarioReport) -> str:
    """A description of the scores, the amount of data, and the floor and bound, in plain text."""
    score, board = scenario.score, scenario.leaderboard
    unit = f" ({score.unit})" if score.unit not in ("", "1") else ""
    better = "higher" if score.higher_is_better else "lower"
    owed = f", {scenario.owed:,} of {scenario.planned:,} owed" if scenario.owed else ""
    return printable(
        f"score: {score.name}{unit}, {better} is better; {count_of(scenario.tasks, 'task')}, "
        f"{count_of(scenario.collected, 'episode')}{owed}; floor {plain(board.floor)}, bound {plain(board.bound)}"
    )


def below_the_table(scenario: ScenarioReport) -> list[str]:
    """Remarks on the whole leaderboard: what its verdicts are worth, and what would sharpen them."""
    board = scenario.leaderboard
    number = len(board.comparisons.pairs)
    lines = [uncorrected(number)] if number > 1 else []
    tied = [row for row in board.rows if row.versus_best is not None and row.versus_best.verdict == "tied"]
    told = [f"{about(row.seeds_to_separate)} {printable(row.agent)}" for row in tied if row.seeds_to_separate]
    if told:
        more = f", and {count_of(len(told) - _TOLD, 'more agent')}, see the page" if len(told) > _TOLD else ""
        seeds = f"{'; '.join(told[:_TOLD])}{more}"
        lines.append(f"Seeds that would tell the tied from the best ({100 * POWER:.0f} % power): {seeds}.")
    elif tied:
        lines.append("No number of seeds that one would play tells the tied from the best.")
    hollow = [text for row in board.rows if (text := _hollow(row))]
    if hollow:
        more = f", and {count_of(len(hollow) - _TOLD, 'more agent')}" if len(hollow) > _TOLD else ""
        lines.append(
            f"Most answers were unusable: {'; '.join(hollow[:_TOLD])}{more}. Such scores tell little about a model: "
            "look at max_tokens, and at what the server sends."
        )
    return lines


def _hollow(row: Row) -> str:
    """What was wrong with most of an agent's answers; "" if most were fine."""
    if row.answers is None:
        return ""
    shares = {"empty": row.answers.empty, "cut off": row.answers.cut, "refused": row.answers.refused}
    worst = max(shares, key=shares.__getitem__)
    return f"{printable(row.agent)} ({percent(shares[worst])} {worst})" if shares[worst] > 0.5 else ""


def _about(row: Row, scenario: ScenarioReport) -> Iterator[str]:
    if row.failure is not None:
        yield f"{count_of(row.failed, 'episode')} failed, most often {row.failure}"
    if row.unscored:
        yield f"{count_of(row.unscored, 'episode')} finished without a finite score and count as failed"
    if row.flaw is not None:
        yield f"{count_of(row.flawed, 'episode')} finished with a remark, most often {row.flaw}"
    if row.answers is not None and not row.answers.are_all_well:
        shares = row.answers
        yield (
            f"of {count_of(shares.answers, 'answer')} {percent(shares.invalid)} invalid, "
            f"{percent(shares.cut)} cut off, {percent(shares.empty)} empty, {percent(shares.refused)} refused"
        )
    if 0 < row.score.n < scenario.tasks:
        yield f"its mean covers {row.score.n:,} of {count_of(scenario.tasks, 'task')}"
