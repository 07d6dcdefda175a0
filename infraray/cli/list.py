"""``infraray list``: the scenarios and their agents, or one scenario's manual."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from infraray.agents import registered_agents
from infraray.registration import find, registrations


def list_scenarios(
    scenario: Annotated[
        str | None, typer.Argument(help="Show this scenario's manual, parameters and agents.", show_default=False)
    ] = None,
) -> None:
    """Show the scenarios and their agents; with a name, its manual."""
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
    console.print(table)


def _show_manual(console: Console, name: str) -> None:
    from inspect import cleandoc

    from rich.markdown import Markdown

    from infraray.parameters import meaning

    found = find(name)
    found.import_baselines()
    environment_class = found.environment_class()
    console.print(Markdown(cleandoc(environment_class.__doc__ or "")))
    parameters = Table("parameter", "default", "unit", "meaning", title="Parameters")
    for field, info in environment_class.Parameters.model_fields.items():
        extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
        parameters.add_row(field, str(info.default), str(extra.get("unit", "")), meaning(info))
    agents = Table("agent", "what it does", title="Agents")
    for agent, agent_class in registered_agents(found.name).items():
        agents.add_row(f"scripted:{agent}", (agent_class.__doc__ or "").partition("\n")[0])
    console.print(parameters, agents)
