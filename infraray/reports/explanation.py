"""How the figures of a report are to be read, said once for the page and for Markdown."""

from __future__ import annotations

from infraray.reports.comparisons import ALL_PAIRS_UP_TO
from infraray.statistics.intervals import BOOTSTRAP_FROM, RESAMPLES
from infraray.statistics.power import POWER
from infraray.statistics.rates import FEW, SMALL_N

EXPLANATION = {
    "score": "Mean over tasks; repetitions of one task are averaged first.",
    "failed": "An agent's own failure: an exception, the time limit, the death of its worker. It, an episode that an "
    "invalid answer ended, and one without a finite score count as forfeited: as the worst of the task's floor and of "
    "all scores on that task, in the mean, the rank, the place, the comparisons and the plots, and as neither correct "
    "nor safe. What a failure of ours, of the machine or of a provider cost is owed and played again.",
    "SEM": "Standard error of the mean: standard deviation of the task means (n - 1) over the root of their number.",
    "95 % interval": f"Bootstrap over tasks ({RESAMPLES:,} resamples, fixed seed, percentiles expanded for few "
    f"tasks), which cannot leave the range of the scores; for fewer than {BOOTSTRAP_FROM} tasks Student's t interval, "
    "cut at the ends of the score's range.",
    "rank": "One more than the number of agents with a better mean from which the paired comparison separates this "
    "one, and never better than the row above. = before it: several share it. Being tied is not transitive.",
    "place": "Where the mean stands between the floor (0 %, the random agent on the same tasks) and the bound (100 %, "
    "the best score known or provable): (mean score - mean floor) / (mean bound - mean floor).",
    "against the best": "Paired: every agent plays the same tasks, so the difference is taken task by task. Where its "
    "95 % interval contains zero the two are tied. Intervals, verdicts and ranks hold one by one and are not "
    "corrected for the number of comparisons: a correction would let the verdict on two agents depend on who else "
    "plays, and contradict the interval beside it.",
    "seeds": f"How many tasks would tell a tied agent from the best with a probability of {100 * POWER:.0f} %, "
    "were the difference and its spread as measured here: a rough guess.",
    "correct, safe": f"Share of tasks, SEM = root of p(1 - p)/n; the normal 95 % interval, Wilson's for fewer than "
    f"{SMALL_N} tasks or fewer than {FEW} on either side.",
    "pass@k, pass^k": "With repetitions: the chance that k attempts at a task hold a success, and that all are "
    "successes, without bias from all attempts (Chen et al., 2021; Yao et al., 2024), as means over tasks.",
    "invalid": "Share of an agent's answers, in all its episodes, that held no valid action; what follows such an "
    "answer is the run's invalid_action. Cut off at the most tokens, empty, and refused by the model or a filter are "
    "shares of all answers, too, and may overlap.",
    "pairs": f"Everyone of the best {ALL_PAIRS_UP_TO} meets everyone; those further down meet the best and the row "
    "above them.",
    "n/a": f"Cannot be said: no score, a single task, fewer than {BOOTSTRAP_FROM} tasks of which one is forfeited "
    "(the means then decide the rank), or episodes that are owed.",
}
"""Term: a few sentences."""


def uncorrected(comparisons: int) -> str:
    """What to keep in mind where verdicts are read."""
    by_chance = 0.05 * comparisons
    expected = (
        f"in about {100 * by_chance:.0f} of 100 tables one would show a difference by chance"
        if by_chance < 0.75
        else f"about {'one' if by_chance < 1.5 else f'{by_chance:.0f}'} would show a difference by chance"
    )
    return (
        "Verdicts, and ranks that rest on them, hold one by one (95 %) and are not corrected for "
        f"{comparisons:,} comparisons: among equals {expected}."
    )
