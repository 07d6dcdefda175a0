"""Pages from templates. Everything shown is escaped; only plots, our styles and our script are already HTML."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from infraray.reports.notation import count_of, printable


@dataclass(frozen=True)
class Figure:
    """A drawn plot with its caption; ``is_wide`` if it takes the page's whole width."""

    title: str
    caption: str
    svg: Markup
    is_wide: bool = False


def render(package: str, template: str, **values: Any) -> str:
    """A whole page.

    Args:
        package: the package whose folder ``templates`` holds the template, which extends ``page.html``.
        template: its name.
        values: what it shows.
    """
    style, script = (
        resources.files(__package__).joinpath("templates", name).read_text() for name in ("page.css", "page.js")
    )
    # Pages hold texts that agents wrote. They are escaped; if one slips through, this keeps it from running.
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    page = _environment(package).get_template(template)
    return page.render(policy=Markup(policy), style=Markup(style), script=Markup(script), **values)


@cache
def _environment(package: str) -> Environment:
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader(__package__)]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: printable(value) if type(value) is str else value,
    )
    environment.filters.update(minus=_minus, sortable=_sortable, json=_json)
    environment.globals["count_of"] = count_of
    return environment


def _minus(text: str) -> str:
    """A number's text with a typographic minus, U+2212."""
    return text.replace("-", "\N{MINUS SIGN}")


def _sortable(value: float | str) -> str:
    """The value that a table is sorted by; empty if unknown."""
    return value if isinstance(value, str) else "" if math.isnan(value) else repr(float(value))


def _json(value: Any) -> Markup:
    """JSON on several lines, in ASCII."""
    return escape(json.dumps(value, indent=2, sort_keys=True))
