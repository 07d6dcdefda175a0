"""A column of a table, wherever the table is shown: its heading, its figures for people, its fields for programs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Generic, Literal, TypeVar

from infraray.reports.notation import UNKNOWN

Line = TypeVar("Line")
"""What a table has a line for."""


class View(Enum):
    """Where people read a table."""

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
        badge: a judgement in a word (best, better, worse, tied), before the text where there is only text.
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
        """All of it that plain text shows."""
        return f"{self.badge} {self.text}".strip()


NOTHING = Cell(UNKNOWN)


@dataclass(frozen=True)
class Column(Generic[Line]):
    """One column.

    Args:
        heading: what stands above it; a function of the table's lines where it depends on them.
        cell: what people see of a line; None for a column that only CSV has.
        fields: CSV's columns by name, each with its value in full precision.
        hint: what it means in a few words, the page's tooltip.
        meaning: how it is computed and read, in sentences below the tables; "" where that is plain.
        term: what these sentences are about, where it is not the heading.
        short: the heading at a terminal, where it is another.
        kind: a name, a word and words are aligned left and sorted by letters; words may be broken into lines.
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
    """What stands above a column of a table that is laid out; see `Column`."""

    text: str
    hint: str
    kind: str


@dataclass(frozen=True)
class Table:
    """Columns and lines as one view shows them.

    Args:
        headings: of the columns.
        rows: cells, one a heading.
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
