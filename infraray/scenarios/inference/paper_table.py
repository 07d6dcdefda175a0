"""A run's agents as InferenceBench compares them: `python -m infraray.scenarios.inference.paper_table RUN`.

Reads what `infraray run` or `infraray search` recorded of this scenario, by agents of any kind. For each workload the
mean speedup over the seed pairs, and over all workloads its geometric mean, each with its standard error; beside it the
best passing run (Table 16) and the best that was seen (Table 17); how runs ended (Table 3), and how they fell short
(Table 14). A workload is the run's label of one of its scenarios. An episode that was given up counts as 1, like one
that submits nothing; if somebody's slower submission passed, it counts for less in the order
(`infraray.scenarios.inference.paper_ranking`). Of a study, the searcher and the defaults stand in the table as well.
"""

from __future__ import annotations

import argparse
import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from rich.console import Console
from rich.table import Table
from rich.text import Text

from infraray.errors import InfrarayError
from infraray.reports.notation import printable
from infraray.reports.table_lines import print_table
from infraray.scenarios.inference.failures import FailureMode, RunTrace, failure_modes
from infraray.scenarios.inference.launched import launched
from infraray.scenarios.inference.paper_ranking import failures, ranking_scores
from infraray.scenarios.inference.paper_study import Searched, searched
from infraray.scenarios.inference.scoring import AggregateScore, Mean, ScoredRun, SubmissionStatus, aggregate_score
from infraray.trajectories.manifest import PlannedScenario
from infraray.trajectories.planned import COLUMNS, PlannedEpisodes
from infraray.trajectories.reader import Run

SCENARIO = "inference"


@dataclass(frozen=True)
class AgentRow:
    """One agent of a run.

    Args:
        agent: its spec.
        score: the aggregate of its episodes; None if some are owed.
        remark: the owed ones; None if there are none.
        modes: the number of its episodes by failure mode; an episode may have several.
        ranked_by: the score that orders the table (`infraray.scenarios.inference.paper_ranking`); NaN without one.
    """

    agent: str
    score: AggregateScore | None
    remark: str | None
    modes: Counter[FailureMode]
    ranked_by: float = math.nan


def paper_table(run_dir: str | Path) -> list[AgentRow]:
    """The agents of a run or a study, best first; those that owe episodes come last.

    Raises:
        InfrarayError: the folder does not hold a run of this scenario, or a study in which no trial has ended.
    """
    run = Run(run_dir)
    found = {label: entry for label, entry in run.manifest.scenarios.items() if entry.scenario == SCENARIO}
    if not found:
        raise InfrarayError(f"{run_dir}: does not play the scenario {SCENARIO}")
    found = {label: entry for label, entry in found.items() if not entry.of_search}
    entrants = _entrants(run, found.values())
    scored: dict[str, list[ScoredRun]] = {entrant.name: [] for entrant in entrants}
    modes: dict[str, Counter[FailureMode]] = {entrant.name: Counter() for entrant in entrants}
    for label, episode, extras in _episodes(run, found):
        for entrant in (one for one in entrants if one.label == episode["agent"]):
            one, trace = read_episode(label, found[label].parameters, episode, [*entrant.trials, *extras])
            if math.isfinite(entrant.best_seen):
                one = replace(one, best_seen=entrant.best_seen)
            scored[entrant.name].append(one)
            modes[entrant.name].update(failure_modes(trace))
    rows = [_row(entrant, scored[entrant.name], modes[entrant.name], found.values()) for entrant in entrants]
    ranking = ranking_scores({row.agent: scored[row.agent] for row in rows if row.score is not None})
    rows = [replace(row, ranked_by=ranking.get(row.agent, math.nan)) for row in rows]
    return sorted(
        rows, key=lambda row: (row.score is None, -row.ranked_by if row.score else 0, failures(scored[row.agent]))
    )


def read_episode(
    workload: str, parameters: Mapping[str, Any], episode: Mapping[str, Any], extras: Sequence[Mapping[str, Any]]
) -> tuple[ScoredRun, RunTrace]:
    """The score of a recorded episode, and the trace that determines its failure modes.

    Args:
        workload: its name.
        parameters: the scenario's.
        episode: its row, schema `infraray.trajectories.schema.EPISODES`.
        extras: the environment's facts of its steps, in order.
    """
    metrics = json.loads(episode["metrics"] or "{}")
    submission = next((extra["submission"] for extra in extras if "submission" in extra), None)
    steps = [extra for extra in extras if "trial" in extra]
    ended, speedup, too_inaccurate, findings = SubmissionStatus.SERVER_FAILED, math.nan, False, 0
    if submission is not None:
        steps.append({"trial": submission["trial"]})
        ended = SubmissionStatus(submission["outcome"])
        speedup = math.nan if submission["speedup"] is None else submission["speedup"]
        too_inaccurate = submission["quality"]["too_inaccurate"]
        findings = len((submission["integrity"] or {"findings": ()})["findings"])
    scored = ScoredRun(
        workload,
        episode["seed"],
        ended,
        speedup,
        # The environment reports 0 if nothing was measured.
        metrics.get("best_speedup_seen") or math.nan,
        episode["repetition"],
    )
    # What an open-ended agent leaves is what it launched last.
    launches = [launch for step in steps if (launch := launched(step, parameters)) is not None]
    return scored, RunTrace(launches, ended, too_inaccurate, findings)


def _entrants(run: Run, scenarios: Iterable[PlannedScenario]) -> list[Searched]:
    """Who stands in the table: of a study, instead of every configuration that was confirmed, those that count."""
    if run.manifest.study is None:
        agents = dict.fromkeys(agent for entry in scenarios for agent in entry.agents)
        return [Searched(agent, agent) for agent in agents]
    return [*searched(run.path), *(Searched(agent, agent) for agent in run.manifest.study.against)]


def _episodes(
    run: Run, scenarios: Mapping[str, PlannedScenario]
) -> Iterator[tuple[str, dict[str, Any], list[dict[str, Any]]]]:
    """Each planned episode of the scenarios with its label and the facts of its steps, label by label."""
    found: dict[str, list[dict[str, Any]]] = {label: [] for label in scenarios}
    planned = PlannedEpisodes(scenarios)
    for batch in run.episode_batches((*COLUMNS, "metrics")):
        for label, part in planned.by_label(batch):
            if label is not None:
                found[label] += part.to_pylist()
    ids = pa.array([episode["episode_id"] for episodes in found.values() for episode in episodes], pa.string())
    steps = run.steps().select(["episode_id", "index", "extra"])
    extras: dict[str, list[dict[str, Any]]] = {}
    for step in steps.filter(pc.is_in(steps["episode_id"], ids)).sort_by("index").to_pylist():
        extras.setdefault(step["episode_id"], []).append(json.loads(step["extra"] or "{}"))
    for label, episodes in found.items():
        for episode in episodes:
            yield label, episode, extras.get(episode["episode_id"], [])


def _row(
    entrant: Searched, runs: list[ScoredRun], modes: Counter[FailureMode], scenarios: Iterable[PlannedScenario]
) -> AgentRow:
    agent = entrant.name
    planned = sum(entry.owed_total // len(entry.agents) for entry in scenarios if entrant.label in entry.agents)
    owed = planned - len(runs)
    if owed:
        return AgentRow(agent, None, f"{owed} of its episodes are owed; give the same command again", modes)
    try:
        return AgentRow(agent, aggregate_score(runs), None, modes)
    except InfrarayError as error:
        return AgentRow(agent, None, str(error), modes)


def print_paper_table(rows: Sequence[AgentRow], console: Console) -> None:
    """Prints the table and, below it, how runs ended."""
    scores = [row.score for row in rows if row.score is not None]
    workloads = list(dict.fromkeys(name for score in scores for name in score.workloads))
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("agent", no_wrap=True)
    most = max((score.runs for score in scores), default=1)
    for name in (*map(printable, workloads), "geometric mean", f"best of {most}", "best seen"):
        table.add_column(Text(name), justify="right", no_wrap=True)
    for row in rows:
        if row.score is None:
            continue
        mine = row.score.workloads
        cells = [_cell(mine[name]) if name in mine else "" for name in workloads]
        table.add_row(
            Text(printable(row.agent)),
            *cells,
            _cell(row.score.aggregate),
            f"{row.score.best_of:.2f}",
            _cell(row.score.best_seen_aggregate),
        )
    console.print(
        "speedup over the reference: mean ± SEM over seed pairs; what fails counts as 1", style="dim", soft_wrap=True
    )
    print_table(table, console)
    for row in rows:
        said = [row.remark] if row.remark is not None else []
        if row.score is not None and not math.isclose(row.ranked_by, row.score.aggregate.value):
            said.append(f"ranked by {row.ranked_by:.2f}, since a failure counts no more than what passed on its seeds")
        if row.score is not None:
            said += [f"{count} {outcome}" for outcome, count in row.score.outcomes.items() if count]
        said += [f"{count} {mode}" for mode, count in sorted(row.modes.items())]
        console.print(Text(f"{printable(row.agent)}: {', '.join(said)}"), soft_wrap=True)


def _cell(mean: Mean) -> str:
    return f"{mean.value:.2f}" if math.isnan(mean.sem) else f"{mean.value:.2f} ± {mean.sem:.2f}"


def main() -> None:
    """Prints a run's table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="the folder that 'infraray run' wrote")
    try:
        print_paper_table(paper_table(parser.parse_args().run), Console())
    except InfrarayError as error:
        parser.exit(2, f"error: {error}\n")


if __name__ == "__main__":
    main()
