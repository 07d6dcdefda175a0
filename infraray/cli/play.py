"""``infraray play``: plays one episode and shows it step by step."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from infraray.cli.completion import complete_agent, complete_preset, complete_scenario
from infraray.cli.exit_status import FAILED_EPISODES
from infraray.errors import InfrarayError

if TYPE_CHECKING:
    from infraray.environment import Environment
    from infraray.episodes import EpisodeSpec, Step, Trajectory
    from infraray.runs.plan import Plan


def play(
    scenario: Annotated[str, typer.Argument(help="The scenario.", autocompletion=complete_scenario)],
    agent: Annotated[
        str,
        typer.Option("--agent", "-a", help="The agent's spec such as scripted:random.", autocompletion=complete_agent),
    ],
    seed: Annotated[int, typer.Option(help="The task.")] = 0,
    preset: Annotated[
        str | None,
        typer.Option(help="A named set of parameters.", show_default=False, autocompletion=complete_preset),
    ] = None,
    imports: Annotated[
        list[str] | None,
        typer.Option("--import", help="A Python file that registers scenarios or agents.", show_default=False),
    ] = None,
) -> None:
    """Play one episode here and now, step by step, without storing it and without Ray.

    Exit status: 0 the episode finished, 1 it failed, 2 it could not be played.
    """
    from infraray.launch import prepare
    from infraray.runs.run_file import RunSpec
    from infraray.written_file import command_line

    if _needs_engine(agent):
        raise InfrarayError(
            f"{agent}: 'infraray play' starts no engines; "
            "give chat:MODEL@URL for a server that runs already, or use 'infraray run'"
        )
    section = {"scenario": scenario, "preset": preset}
    asked = {"name": "play", "scenarios": [section], "agents": [agent], "seeds": [seed], "imports": imports or []}
    plan = prepare(RunSpec.parse(asked, command_line), here=True)
    shown = _Shown(plan.lineups[0].environment, Console())
    trajectory = _play(plan, shown)
    shown.end(trajectory)
    if trajectory.failure is not None:
        raise typer.Exit(FAILED_EPISODES)


def _needs_engine(agent: str) -> bool:
    """Whether a run would serve the agent's model; asked before the plan, which wants the engine installed."""
    from infraray.agents import find_agent_kind, parse_agent

    try:
        return find_agent_kind(parse_agent(agent).kind).needs_engine
    except InfrarayError:  # the plan says what is wrong with it
        return False


def _play(plan: Plan, shown: _Shown) -> Trajectory:
    """Plays the plan's only episode."""
    import asyncio

    from infraray.episodes import EpisodePlayer

    episodes = list(plan.episodes())
    if len(episodes) > 1:
        raise InfrarayError("--agent: stands for several agents here; 'infraray play' takes one, 'infraray run' all")
    (spec,) = episodes
    shown.begin(spec)
    limits = plan.spec.limits
    limit_s = limits.conversation_s if spec.entry.conversational else limits.episode_s
    player = EpisodePlayer(limit_s, watch=shown.step)
    try:
        return asyncio.run(player.converse(spec)) if spec.entry.conversational else player.play(spec)
    finally:
        player.close()


class _Shown:
    """An episode on a console."""

    def __init__(self, environment: Environment, console: Console) -> None:
        self.environment = environment
        self.console = console
        self.steps = 0

    def begin(self, spec: EpisodeSpec) -> None:
        """The task, as the agent reads it."""
        self._say(f"{spec.entry.label}, seed {spec.seed}, {spec.entry.agent}", style="bold")
        self._say(self.environment.task_description)
        self._say(self.environment.available_actions, style="dim")

    def step(self, step: Step) -> None:
        """The observation, the action, and the outcome."""
        from infraray.reports.notation import plain

        self.steps += 1
        text = step.observation.get("text_observation")
        self._say(f"\nstep {self.steps}", style="bold")
        self._say(text if text is not None else str(dict(step.observation)))
        said = step.action if isinstance(step.action, str) else repr(step.action)
        self._say(f"> {said}", style="cyan")
        if (reason := step.info.get("reason")) is not None:
            self._say(f"invalid: {reason}", style="yellow")
        self._say(f"reward {plain(step.reward)}", style="dim")

    def end(self, trajectory: Trajectory) -> None:
        """The score between floor and bound, and the other metrics."""
        from infraray.reports.notation import plain

        score = self.environment.score
        better = "higher" if score.higher_is_better else "lower"
        unit = f" {score.unit}" if score.unit not in ("", "1") else ""
        value = plain(trajectory.measures.score if trajectory.measures is not None else math.nan)
        self._say(
            f"\n{score.name} {value}{unit} ({better} is better); floor {plain(trajectory.floor)}, "
            f"bound {plain(trajectory.bound)}; {len(trajectory.steps)} steps in {trajectory.wall_s:.2f} s",
            style="bold",
        )
        if trajectory.failure is not None:
            self._say(f"failed: {trajectory.failure}", style="red")

    def _say(self, text: str, style: str | None = None) -> None:
        from infraray.user_code import printable

        for line in text.splitlines() or [""]:
            self.console.print(printable(line), style=style, markup=False, highlight=False, soft_wrap=True)
