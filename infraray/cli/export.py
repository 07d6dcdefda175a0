"""``infraray export``: writes a run's trajectories in other programs' formats."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from infraray.cli.completion import complete_exporter
from infraray.cli.paths import path_of
from infraray.errors import InfrarayError


class ExportCommand(TyperCommand):
    """The command, whose help lists the exporters: they are looked up on demand, not at every start."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Writes the help."""
        from infraray.trajectories.exporters import exporters

        lines = [f"{name}: {(kind.__doc__ or '').partition(chr(10))[0]}" for name, kind in exporters.working().items()]
        for parameter in self.params:
            if parameter.name == "to":
                parameter.help = "\n\n".join(["The exporter, by name.", *lines])  # type: ignore[attr-defined]
        super().format_help(ctx, formatter)


def export(
    run_dir: Annotated[
        Path, typer.Argument(help="The folder that 'infraray run' wrote.", metavar="RUN", parser=path_of("RUN"))
    ],
    to: Annotated[
        str,
        typer.Option(
            help="The exporter, by name.",  # the names: see `ExportCommand`
            autocompletion=complete_exporter,
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="The file (chat, sft; .parquet writes Parquet) or folder (atif).",
            show_default="RUN/exports/...",
            parser=path_of("--out"),
            metavar="PATH",
        ),
    ] = None,
    endpoint: Annotated[
        str | None, typer.Option(help="The receiver's URL (otlp).", show_default="http://localhost:4318")
    ] = None,
    header: Annotated[
        list[str] | None,
        typer.Option(help="NAME=VALUE, sent to the receiver (otlp); may be given again.", show_default=False),
    ] = None,
    agent: Annotated[
        str | None, typer.Option("--agent", "-a", help="Only agents that match, such as 'chat:*'.", show_default=False)
    ] = None,
    scenario: Annotated[
        str | None, typer.Option("--scenario", "-s", help="Only this scenario, by its label.", show_default=False)
    ] = None,
    imports: Annotated[
        list[str] | None,
        typer.Option("--import", help="A Python file that registers an exporter.", show_default=False),
    ] = None,
    valid_only: Annotated[bool, typer.Option("--valid-only", help="Leave out invalid steps (chat, sft).")] = False,
    correct_only: Annotated[
        bool, typer.Option("--correct-only", help="Leave out episodes that are not correct (sft).")
    ] = False,
    safe_only: Annotated[bool, typer.Option("--safe-only", help="Leave out episodes that are not safe (sft).")] = False,
    least_score: Annotated[
        float | None,
        typer.Option(help="Leave out episodes with a smaller normalised score (sft).", show_default=False),
    ] = None,
    task_set: Annotated[
        str | None,
        typer.Option(
            "--set",
            help="level-1, level-2, level-3 or mixed: 800, 600, 600 tasks, or all 2000, each once (sft).",
            show_default=False,
        ),
    ] = None,
    evaluation: Annotated[
        list[Path] | None,
        typer.Option(
            help="A run whose seeds must not be among those exported (sft); may be given again.",
            show_default=False,
            parser=path_of("--evaluation"),
            metavar="RUN",
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Write a run's trajectories in another program's form, or send them to it."""
    from infraray.trajectories.episode_selection import Selection
    from infraray.trajectories.exporters.export import export as export_run
    from infraray.user_file import load_file

    for path in imports or ():
        load_file(path)
    headers = {}
    for given in header or ():
        name, equals, value = given.partition("=")
        if not equals or not name:
            raise InfrarayError(f"--header {given!r}: must look like NAME=VALUE")
        headers[name] = value
    said = export_run(
        run_dir,
        to,
        out=out,
        selection=Selection(agent, scenario),
        quiet=quiet,
        endpoint=endpoint,
        headers=headers or None,
        valid_only=valid_only,
        correct_only=correct_only,
        safe_only=safe_only,
        least_score=least_score,
        task_set=task_set,
        evaluation=evaluation or None,
    )
    print(said)
