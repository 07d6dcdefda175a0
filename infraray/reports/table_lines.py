"""Printed tables: framed at a terminal, whole lines in a file or a pipe."""

from __future__ import annotations

from io import StringIO

from rich.console import Console
from rich.table import Table
from rich.text import Text


def print_table(table: Table, console: Console) -> None:
    """Prints a table as wide as the terminal; elsewhere without a frame and with one line per row, however long.

    A program that reads the lines, and a person who searches them, finds every name whole.
    """
    if console.is_terminal:
        for column in table.columns:
            column.overflow = "fold"  # into a further line, rather than an ellipsis in its place
        console.print(table)
        return
    table.box, table.show_edge, table.pad_edge, table.collapse_padding = None, False, False, True
    lines = StringIO()
    Console(file=lines, width=10_000, color_system=None).print(table)
    for line in lines.getvalue().splitlines():
        console.print(Text(line.rstrip()), soft_wrap=True)
