"""A column of a table: its heading, its figures for people and its fields for programs, wherever the table is shown."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Generic, Literal, TypeVar

from infraray.reports.notation import UNKNOWN

Line = TypeVar("Line")
"""The thing that a line of a table is about."""


class View(Enum):
    """A place where people read a table."""

    PAGE = "page"
    MARKDOWN = "markdown"
    WIDE = "a wide terminal, a file or a pipe"
    NARROW = "a narrow terminal"


EVERYWHERE = frozenset(View)
ROOMY = EVERYWHERE - {View.NARROW}
PAGE_ONLY = frozenset({View.PAGE})


@dataclass(frozen=True)
class Cell:
    """A figure or a name as people see it.

    Args:
        text: the figure.
        value: what the page sorts by; NaN or "" is unknown and sorted last.
        badge: a one-word verdict (best, better, worse, tied), which plain text shows before the text.
        detail: what the page shows beside it, smaller.
        bar: a share from 0 to 1 that the page draws as a bar; None for no bar.
        is_alarming: whether it should catch the eye.
    """

    text: str
    value: float | str = math.nan
    badge: str = ""
    detail: str = ""
    bar: float | None = None
    is_alarming: bool = False

    @property
    def words(self) -> str:
        """The cell as plain text shows it."""
        return f"{self.badge} {self.text}".strip()


NOTHING = Cell(UNKNOWN)


@dataclass(frozen=True)
class Column(Generic[Line]):
    """One column.

    Args:
        heading: the text above it; a function of the table's lines if it depends on them.
        cell: what people see of a line; None for a column that only CSV has.
        fields: CSV's columns by name, each with its value in full precision.
        hint: its meaning in a few words, the page's tooltip.
        meaning: how it is computed and read, in sentences below the tables; "" if that is obvious.
        term: the subject of these sentences, if it is not the heading.
        short: the heading at a terminal, if it differs.
        kind: a name, a word and words are aligned left and sorted alphabetically; words may wrap.
        views: where people see it.
        is_shown: whether a table with these lines has it.
    """

    heading: str | Callable[[Sequence[Line]], str]
    cell: Callable[[Line], Cell] | None
    fields: Mapping[str, Callable[[Line], Any]] = field(default_factory=dict)
    hint: str = ""
    meaning: str = ""
    term: str = ""
    short: str = ""
    kind: Literal["figure", "name", "word", "words"] = "figure"
    views: frozenset[View] = EVERYWHERE
    is_shown: Callable[[Sequence[Line]], bool] = lambda lines: True


@dataclass(frozen=True)
class Heading:
    """The heading above a column of a laid-out table; see `Column`."""

    text: str
    hint: str
    kind: str


@dataclass(frozen=True)
class Table:
    """Columns and lines as one view shows them.

    Args:
        headings: of the columns.
        rows: cells, one per heading.
    """

    headings: Sequence[Heading]
    rows: Sequence[Sequence[Cell]]


def lay_out(columns: Sequence[Column[Line]], lines: Sequence[Line], view: View) -> Table:
    """The table that a view shows."""
    at_terminal = view in (View.WIDE, View.NARROW)
    headings, cells = [], []
    for column in columns:
        if column.cell is None or view not in column.views or not column.is_shown(lines):
            continue
        heading = column.heading if isinstance(column.heading, str) else column.heading(lines)
        headings.append(Heading(column.short if at_terminal and column.short else heading, column.hint, column.kind))
        cells.append([column.cell(line) for line in lines])
    return Table(headings, list(zip(*cells, strict=True)))
