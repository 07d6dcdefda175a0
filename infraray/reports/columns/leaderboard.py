"""The leaderboard's columns. A new figure is one entry of `COLUMNS`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from infraray.reports.columns import measured
from infraray.reports.columns.cells import name, place, rate, versus
from infraray.reports.columns.column import NOTHING, PAGE_ONLY, ROOMY, Cell, Column, View
from infraray.reports.columns.leaderboard_line import Line
from infraray.reports.columns.measured import mean_columns
from infraray.reports.leaderboard import Row
from infraray.reports.notation import duration, number, percent
from infraray.statistics.intervals import Estimate
from infraray.statistics.power import POWER, about
from infraray.statistics.rates import FEW, SMALL_N
from infraray.trajectories.answer_counts import ANSWER_FAULTS

NONE = "none"
"""The correction of verdicts for the number of comparisons, stated where they are read."""


def _any(has: Callable[[Row], Any]) -> Callable[[Sequence[Line]], bool]:
    return lambda lines: any(has(line.row) for line in lines)


def _of(estimate: Callable[[Line], Estimate | None], part: str) -> Callable[[Line], float | None]:
    """A part of an estimate; None if there is no estimate."""
    return lambda line: getattr(estimate(line), part, None)


def _rate_fields(which: str) -> dict[str, Callable[[Line], float | None]]:
    parts = {which: "value", f"{which}_sem": "sem", f"{which}_low": "low", f"{which}_high": "high"}
    return {field: _of(lambda line: getattr(line.row, which), part) for field, part in parts.items()}


def _share(fault: str, line: Line) -> float | None:
    return getattr(line.row.answers, fault, None)


def _rank(line: Line) -> Cell:
    row = line.row
    if row.rank is None:
        return Cell("-")
    return Cell(f"={row.rank}" if row.shares_rank else str(row.rank), row.rank)


def _versus_best(line: Line) -> Cell:
    row = line.row
    if row.rank is None:
        return NOTHING
    if row.versus_best is None:
        return Cell("", 0.0, badge="best")
    return versus(row.versus_best.difference, row.versus_best.verdict, line.table.difference_decimals)


def _difference(line: Line) -> Estimate | None:
    return line.row.versus_best.difference if line.row.versus_best is not None else None


def _passes(line: Line, share: str) -> Cell:
    passes = line.row.passes
    if passes is None:
        return NOTHING
    fewer = "" if passes.k == line.table.k else f" (k = {passes.k})"
    value = getattr(passes, share)
    return Cell(f"{percent(value)}{fewer}", value)


def _invalid(line: Line) -> Cell:
    shares = line.row.answers
    if shares is None:
        return NOTHING
    others = ", ".join(f"{percent(getattr(shares, fault))} {fault}" for fault in ANSWER_FAULTS[1:])
    return Cell(percent(shares.invalid), shares.invalid, detail="" if shares.are_all_well else others)


def _tokens(line: Line) -> Cell:
    if line.row.input_tokens is None and line.row.output_tokens is None:
        return NOTHING
    total = (line.row.input_tokens or 0) + (line.row.output_tokens or 0)
    return Cell(f"{total:,}", total)


def _seeds(line: Line) -> Cell:
    seeds = line.row.seeds_to_separate
    return Cell("") if seeds is None else Cell(about(seeds), seeds)


AGENT: Column[Line] = Column(
    "agent", lambda line: name(line.row.agent), {"agent": lambda line: line.row.agent}, kind="name"
)

COLUMNS: tuple[Column[Line], ...] = (
    Column("scenario", None, {"scenario": lambda line: line.table.scenario.label}),
    Column(
        "rank",
        _rank,
        {"rank": lambda line: line.row.rank, "shares_rank": lambda line: line.row.shares_rank},
        short="#",
        hint="agents that nothing separates share one",
        meaning="One more than the number of agents with a better mean from which the paired comparison separates "
        "this one, and never better than the row above. = before it: several share it. Being tied is not transitive.",
    ),
    AGENT,
    *mean_columns(
        lambda line: line.row.score,
        lambda line: line.table.decimals,
        hint="mean over tasks; a failed one counts as the worst score on it",
        meaning="Mean over tasks; repetitions of one task are averaged first.",
        fields={
            "score_name": lambda line: line.table.scenario.score.name,
            "unit": lambda line: line.table.scenario.score.unit,
            "higher_is_better": lambda line: line.table.scenario.score.higher_is_better,
        },
    ),
    Column(
        "against the best",
        _versus_best,
        {
            "versus_best": _of(_difference, "value"),
            "versus_best_low": _of(_difference, "low"),
            "versus_best_high": _of(_difference, "high"),
            "versus_best_tasks": _of(_difference, "n"),
            "verdict": lambda line: line.row.versus_best.verdict if line.row.versus_best else None,
            "correction": lambda line: NONE if line.row.versus_best else None,
        },
        short="vs best",
        hint="paired by task; sorts by the difference",
        meaning="Paired: every agent plays the same tasks, so the difference is taken task by task. Where its 95 % "
        "interval contains zero the two are tied. Intervals, verdicts and ranks hold one by one and are not corrected "
        "for the number of comparisons: a correction would let the verdict on two agents depend on who else plays, "
        "and contradict the interval beside it.",
    ),
    Column(
        "seeds",
        _seeds,
        {"seeds_to_separate": lambda line: line.row.seeds_to_separate},
        hint="that would tell a tied agent from the best",
        meaning=f"How many tasks would tell a tied agent from the best with a probability of {100 * POWER:.0f} %, "
        "were the difference and its spread as measured here: a rough guess.",
        views=frozenset({View.PAGE, View.MARKDOWN}),
        is_shown=_any(lambda row: row.seeds_to_separate is not None),
    ),
    Column(
        "place",
        lambda line: place(line.row.place.value),
        {
            "place": lambda line: line.row.place.value,
            "place_low": lambda line: line.row.place.low,
            "place_high": lambda line: line.row.place.high,
            "floor": lambda line: line.table.scenario.leaderboard.floor,
            "bound": lambda line: line.table.scenario.leaderboard.bound,
        },
        hint="0 % is the floor, 100 % the bound",
        meaning="Where the mean stands between the floor (0 %, the random agent on the same tasks) and the bound "
        "(100 %, the best score known or provable): (mean score - mean floor) / (mean bound - mean floor).",
    ),
    Column(
        "correct",
        lambda line: rate(line.row.correct),
        _rate_fields("correct"),
        hint="share of tasks that were solved",
        meaning="Share of tasks that were solved. SEM = root of p(1 - p)/n; the normal 95 % interval, Wilson's for "
        f"fewer than {SMALL_N} tasks or fewer than {FEW} on either side.",
        views=ROOMY,
        is_shown=_any(lambda row: row.correct is not None),
    ),
    Column(
        "safe",
        lambda line: rate(line.row.safe),
        _rate_fields("safe"),
        hint="share of tasks in which every step was safe",
        meaning="Share of tasks in which every step was safe; SEM and interval like those of correct.",
        views=ROOMY,
        is_shown=_any(lambda row: row.safe is not None),
    ),
    Column(
        lambda lines: f"pass@{lines[0].table.k}",
        lambda line: _passes(line, "any"),
        {
            "pass_k": lambda line: line.row.passes.k if line.row.passes else None,
            "pass_at_k": lambda line: line.row.passes.any if line.row.passes else None,
        },
        hint="chance that as many attempts at a task hold a success",
        meaning="With repetitions: the chance that k attempts at a task hold a success, without bias from all "
        "attempts (Chen et al., 2021), as a mean over tasks.",
        term="pass@k",
        views=ROOMY,
        is_shown=_any(lambda row: row.passes is not None),
    ),
    Column(
        lambda lines: f"pass^{lines[0].table.k}",
        lambda line: _passes(line, "all"),
        {"pass_hat_k": lambda line: line.row.passes.all if line.row.passes else None},
        hint="chance that as many attempts at a task are all successes",
        meaning="The chance that they are all successes (Yao et al., 2024).",
        term="pass^k",
        views=ROOMY,
        is_shown=_any(lambda row: row.passes is not None),
    ),
    Column(
        "episodes",
        lambda line: Cell(f"{line.row.episodes:,}", line.row.episodes),
        {"episodes": lambda line: line.row.episodes, "finished": lambda line: line.row.finished},
        hint="collected",
        views=ROOMY,
    ),
    Column(
        "failed",
        lambda line: Cell(f"{line.row.failed:,}", line.row.failed, is_alarming=line.row.failed > 0),
        {
            "failed": lambda line: line.row.failed,
            "failure": lambda line: line.row.failure,
            "forfeited": lambda line: line.row.forfeited,
            "unscored": lambda line: line.row.unscored,
            "flawed": lambda line: line.row.flawed,
            "flaw": lambda line: line.row.flaw,
        },
        hint="the agent's own failures; each counts as the worst score on its task",
        meaning="An agent's own failure: an exception, the time limit, the death of its worker. It, an episode that "
        "an invalid answer ended, and one without a finite score count as forfeited: as the worst of the task's floor "
        "and of all scores on that task, in the mean, the rank, the place, the comparisons and the plots, and as "
        "neither correct nor safe. What a failure of ours, of the machine or of a provider cost is owed and played "
        "again.",
    ),
    Column(
        "steps",
        lambda line: Cell(number(line.row.steps, 1), line.row.steps),
        {"steps": lambda line: line.row.steps},
        hint="mean of a finished episode",
        views=ROOMY,
    ),
    Column(
        "invalid",
        _invalid,
        {f"answers_{fault}": partial(_share, fault) for fault in ANSWER_FAULTS},
        hint="share of all answers; and of those cut off, empty, refused",
        meaning="Share of an agent's answers, in all its episodes, that held no valid action; what follows such an "
        "answer is the run's invalid_action. Cut off at the most tokens, empty, and refused by the model or a filter "
        "are shares of all answers, too, and may overlap.",
        views=ROOMY,
    ),
    Column(
        "time",
        lambda line: Cell(duration(line.row.wall_s), line.row.wall_s),
        {"wall_s": lambda line: line.row.wall_s},
        hint="mean of a finished episode",
        views=ROOMY,
    ),
    Column(
        "total time",
        lambda line: Cell(duration(line.row.total_wall_s), line.row.total_wall_s),
        {"total_wall_s": lambda line: line.row.total_wall_s},
        hint="of all episodes",
        views=PAGE_ONLY,
    ),
    Column(
        "tokens",
        _tokens,
        {"input_tokens": lambda line: line.row.input_tokens, "output_tokens": lambda line: line.row.output_tokens},
        hint="prompt and generated, all episodes",
        views=PAGE_ONLY,
        is_shown=_any(lambda row: row.input_tokens is not None or row.output_tokens is not None),
    ),
)


def metric_columns(lines: Sequence[Line]) -> list[Column[Line]]:
    """The scenario's own metrics, which have a table of their own on the page: means over finished episodes."""
    return measured.metric_columns(lines, lambda line: line.row.metrics)
