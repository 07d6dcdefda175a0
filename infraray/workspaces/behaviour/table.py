"""The behaviour of agents as a printed table and as CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from infraray.reports.notation import UNKNOWN, duration, percent, plain, printable
from infraray.reports.table_lines import print_table
from infraray.workspaces.behaviour.activity import NAMES
from infraray.workspaces.behaviour.behaviour import Behaviour
from infraray.workspaces.behaviour.report import AgentBehaviour

COLUMNS: tuple[tuple[str, Callable[[AgentBehaviour], str]], ...] = (
    ("runs", lambda one: str(len(one.episodes))),
    ("score", lambda one: plain(one.mean_of("score"))),
    ("best seen", lambda one: plain(one.mean_of("best_seen"))),
    ("tried", lambda one: plain(one.median_of("configurations"))),
    ("unchanged", lambda one: percent(one.unchanged_share)),
    ("first works", lambda one: duration(one.median_of("first_working_s"))),
    ("best at", lambda one: duration(one.median_of("best_s"))),
    ("length", lambda one: duration(one.median_of("whole_s"))),
    ("idle", lambda one: percent(one.idle_share)),
    ("starts", lambda one: plain(one.median_of("starts"))),
    ("turns", lambda one: plain(one.median_of("turns"))),
    ("tokens", lambda one: _whole(one.median_of("tokens"))),
    ("cost", lambda one: plain(one.mean_of("cost"))),
    ("cost / score", lambda one: plain(one.cost_per_score)),
)
"""Headings and cells: means of scores and costs, medians of all other figures."""

FIELDS: tuple[str, ...] = (
    *("scenario", "agent", "seed", "repetition", "score", "best_seen", "attempts", "configurations", "unchanged"),
    *("first_working_s", "best_s", "whole_s", "turns", "commands", "starts", "early_stops", "tokens", "side_tokens"),
    *("cost", "ended"),
)
"""Fields of the CSV that are fields of `Behaviour`."""


def print_behaviour(found: Sequence[AgentBehaviour], console: Console) -> None:
    """Prints a table for each scenario and, below it, techniques, ends and failures of each agent."""
    for scenario in dict.fromkeys(one.scenario for one in found):
        rows = [one for one in found if one.scenario == scenario]
        table = Table(title=printable(scenario), title_justify="left", box=None, pad_edge=False, header_style="bold")
        table.add_column("agent", no_wrap=True)
        for heading, _ in COLUMNS:
            table.add_column(heading, justify="right", no_wrap=True)
        for one in rows:
            table.add_row(Text(printable(one.agent)), *(cell(one) for _, cell in COLUMNS))
        print_table(table, console)
        for one in rows:
            console.print(Text(f"{printable(one.agent)}: {'; '.join(_remarks(one))}"), soft_wrap=True)


def behaviour_csv(found: Sequence[Behaviour]) -> str:
    """One line an episode, full precision, empty where a figure is unknown."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([*FIELDS, *NAMES, "techniques_named", "techniques_used", "failures"])
    for one in found:
        fields = [_field(getattr(one, name)) for name in FIELDS]
        times = [_field(round(getattr(one.activity, name), 3)) for name in NAMES]
        counts = [f"{name}={count}" for name, count in sorted(one.failures.items())]
        writer.writerow([*fields, *times, *(" ".join(sorted(part)) for part in (one.named, one.used, counts))])
    return file.getvalue()


def _remarks(one: AgentBehaviour) -> list[str]:
    said = [
        f"{name} named in {percent(one.share_of(name, 'named'))}, used in {percent(one.share_of(name, 'used'))}"
        for name in one.techniques
    ]
    said.append("ended by " + ", ".join(f"{name} {count}" for name, count in one.ends.most_common()))
    if one.failures:
        said.append("failures: " + ", ".join(f"{name} {count}" for name, count in one.failures.most_common()))
    return said


def _whole(value: float) -> str:
    return UNKNOWN if math.isnan(value) else f"{value:,.0f}"


def _field(value: Any) -> Any:
    return "" if isinstance(value, float) and math.isnan(value) else value
