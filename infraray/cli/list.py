"""``infraray list``: shows the scenarios and their agents, or one scenario's manual."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from infraray.cli.completion import complete_scenario
from infraray.registration import find, registrations


def list_scenarios(
    scenario: Annotated[
        str | None,
        typer.Argument(
            help="Show this scenario's manual, parameters and agents.",
            show_default=False,
            autocompletion=complete_scenario,
        ),
    ] = None,
) -> None:
    """Show the scenarios and their agents; with a name, its manual."""
    from infraray.agents import registered_agents
    from infraray.reports.table_lines import print_table

    console = Console()
    if scenario is not None:
        _show_manual(console, scenario)
        return
    table = Table("scenario", "id", "score", "agents (scripted:...)")
    for found in registrations():
        found.import_baselines()
        score = found.environment_class().score
        direction = "higher" if score.higher_is_better else "lower"
        unit = f" [{score.unit}]" if score.unit else ""
        table.add_row(
            found.name, found.id, f"{score.name}{unit}, {direction} is better", ", ".join(registered_agents(found.name))
        )
    print_table(table, console)


def _show_manual(console: Console, name: str) -> None:
    from inspect import cleandoc

    from rich.markdown import Markdown
    from rich.text import Text

    from infraray.agents import registered_agents
    from infraray.parameters import meaning
    from infraray.reports.table_lines import print_table

    found = find(name)
    found.import_baselines()
    environment_class = found.environment_class()
    manual = cleandoc(environment_class.__doc__ or "")
    console.print(Markdown(manual) if console.is_terminal else Text(manual), soft_wrap=not console.is_terminal)
    parameters = Table("parameter", "default", "unit", "meaning", title="Parameters", title_justify="left")
    for field, info in environment_class.Parameters.model_fields.items():
        extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
        parameters.add_row(field, str(info.default), str(extra.get("unit", "")), meaning(info))
    agents = Table("agent", "what it does", title="Agents", title_justify="left")
    for agent, agent_class in registered_agents(found.name).items():
        agents.add_row(f"scripted:{agent}", (agent_class.__doc__ or "").partition("\n")[0])
    presets = Table("preset", "parameters", title="Presets", title_justify="left")
    for preset, values in environment_class.presets.items():
        presets.add_row(preset, ", ".join(f"{name}={value}" for name, value in values.items()))
    for table in (parameters, agents, *([presets] if environment_class.presets else [])):
        console.print()
        print_table(table, console)
