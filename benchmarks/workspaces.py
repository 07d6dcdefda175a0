r"""Search and open-ended agents with equal time: `python -m benchmarks.workspaces benchmarks/workspaces.yaml`.

Runs the study, whose defaults, searcher and scripted agents it compares with agents in a workspace: our own with a
shell, Claude Code, Codex and OpenCode, each with a scripted model that makes an expert's moves. All have the study's
seconds on the same seeds, and all submissions are launched again and pass the gates. Prints InferenceBench's table, how
the agents worked (with CSV and plots in the study's folder), and what the harness itself took of their time: the start
of the sandbox, the pauses between two starts of a scaffold, each exchange with the model (which answers at once, so
that all of it is the proxy's), and of each evaluation what is not load on the server. What is finished is not repeated.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.expert_moves import agents
from benchmarks.table import Row, print_table
from infraray.scenarios.inference.paper_table import paper_table, print_paper_table
from infraray.trajectories.episode_reader import read_episodes
from infraray.trajectories.reader import Run
from infraray.trajectories.stored_episode import StoredEpisode
from infraray.tune.search import search
from infraray.tune.study_file import StudySpec
from infraray.workspaces.behaviour import behaviours, summaries
from infraray.workspaces.behaviour.plots import write_plots
from infraray.workspaces.behaviour.table import behaviour_csv, print_behaviour

NAMES = ("shell", "claude-code", "codex", "opencode")
FIRST_PORT = 18_600
"""Their models' addresses are a part of the agents' names, so they must be the same when the study is gone on with."""


@dataclass(frozen=True)
class Cost:
    """What the harness took of an agent's time, in seconds.

    Args:
        agent: its spec.
        begin_s: until the scaffold was started.
        between_s: between its starts.
        model_s: the exchanges with the model.
        tools_s: calls of tools, without the load on the server.
        used_s: the agent's whole time.
    """

    agent: str
    begin_s: float
    between_s: float
    model_s: float
    tools_s: float
    used_s: float

    @property
    def share(self) -> float:
        """All of it as a share of the time."""
        return (self.begin_s + self.between_s + self.model_s + self.tools_s) / self.used_s


def costs(folder: Path) -> list[Cost]:
    """What the harness took in each episode that was played in a workspace."""
    found = []
    for row, steps in read_episodes(Run(folder), numbers=False):
        episode = StoredEpisode(row, steps.read())
        records = [record for record in episode.agent_records if "workspace" in record]
        if records:
            trials = [extra["trial"] for extra in episode.extras if "trial" in extra]
            events = [event for record in records for event in record["events"]]
            found.append(_cost(row["agent"], events, trials, records[-1]["workspace"]["used_s"]))
    return found


def _cost(agent: str, events: Sequence[dict[str, Any]], trials: Sequence[dict[str, Any]], used_s: float) -> Cost:
    starts = [event for event in events if event["kind"] in ("start", "exit")]
    tools = [event["took_s"] for event in events if event["kind"] == "tool"]
    load_s = sum(trial["measure_s"] for trial in trials[: sum(event.get("name") == "evaluate" for event in events)])
    return Cost(
        agent,
        starts[0]["at_s"],
        sum(after["at_s"] - before["at_s"] for before, after in pairwise(starts) if before["kind"] == "exit"),
        sum(event["took_s"] for event in events if event["kind"] == "turn"),
        sum(tools) - load_s,
        used_s,
    )


def main() -> list[Row]:
    """Measures, prints the tables, and returns the rows of the harness's share."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path, help="a study of the scenario inference")
    parser.add_argument("--out", type=Path, default=Path("runs/workspaces"), help="the study's folder (%(default)s)")
    parser.add_argument("--agent", action="append", choices=NAMES, help="instead of all; may be given again")
    given = parser.parse_args()
    models = agents(FIRST_PORT, given.agent or NAMES)
    spec = StudySpec.load(given.study)
    spec = spec.model_copy(update={"against": [*spec.against, *models]})
    with ExitStack() as stack:
        for model in models.values():
            stack.enter_context(model)
        search(spec, given.out)
    console = Console()
    print_paper_table(paper_table(given.out), console)
    found = behaviours(given.out)
    print_behaviour(summaries(found), console)
    (given.out / "behaviour.csv").write_text(behaviour_csv(found), encoding="utf-8")
    write_plots(summaries(found), given.out)
    rows = []
    for cost in costs(given.out):
        parts = f"{cost.begin_s:.2f} + {cost.between_s:.2f} + {cost.model_s:.2f} + {cost.tools_s:.2f} s"
        rows.append(Row(f"harness, {cost.agent}", parts, "its time", f"{cost.used_s:.0f} s", cost.share, "<= 0.02"))
    return rows


if __name__ == "__main__":
    print_table(main())
