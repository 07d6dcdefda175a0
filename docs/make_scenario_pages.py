"""Writes docs/scenarios/NAME.md from each scenario's own words: `python docs/make_scenario_pages.py`.

The page is the environment's docstring, its parameters with units, ranges and defaults, and the
first paragraph of each agent. A test compares the pages with what this would write.
"""

import importlib
import inspect
from pathlib import Path

from infraray.agents import registered_agents
from infraray.parameters import meaning
from infraray.registration import Registration, registrations

FOLDER = Path(__file__).parent / "scenarios"


def page(found: Registration) -> str:
    """A scenario's page."""
    environment_class = found.environment_class()
    manual = inspect.cleandoc(environment_class.__doc__ or "")
    summary, _, rest = manual.partition("\n\n")
    return (
        "\n\n".join(
            [
                f"# {found.name}",
                f"{summary} Id `{found.id}`. (Made from the docstrings by docs/make_scenario_pages.py.)",
                rest,
                "## All parameters",
                parameters(found),
                "## All agents",
                agents(found),
            ]
        ).rstrip()
        + "\n"
    )


def parameters(found: Registration) -> str:
    """The table of the parameters."""
    model = found.environment_class().Parameters
    properties = model.model_json_schema()["properties"]
    lines = ["| parameter | default | unit | range | meaning |", "|---|---|---|---|---|"]
    for name, field in model.model_fields.items():
        schema = properties[name]
        default = f"`{field.default}`"
        lines.append(f"| `{name}` | {default} | {schema['unit']} | {allowed(schema)} | {meaning(field)} |")
    return "\n".join(lines)


def allowed(schema: dict) -> str:
    """A parameter's range in words."""
    options = schema.get("enum") or schema.get("items", {}).get("enum")
    if options:
        return ", ".join(f"`{option}`" for option in options)
    signs = {"exclusiveMinimum": "> ", "minimum": ">= ", "exclusiveMaximum": "< ", "maximum": "<= "}
    return ", ".join(f"{sign}{schema[key]:g}" for key, sign in signs.items() if key in schema)


def agents(found: Registration) -> str:
    """A paragraph for each agent: the start of its module's docstring."""
    found.import_baselines()
    lines = []
    for name, agent_class in registered_agents(found.name).items():
        module = inspect.cleandoc(importlib.import_module(agent_class.__module__).__doc__ or "")
        lines.append(f"- `scripted:{name}`: {' '.join(module.split())}")
    return "\n".join(lines)


def pages() -> dict[Path, str]:
    """Every page by its path."""
    return {FOLDER / f"{found.name}.md": page(found) for found in registrations() if found.id.startswith("infraray/")}


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for path, text in pages().items():
        path.write_text(text)
        print(path)
