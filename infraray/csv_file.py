"""Rows of a user's CSV file, each with its line number for error messages.

The reader is the standard library's: it handles quotes, cells with line ends in them, and the line
ends of any system, but not Unicode's line separators. A byte-order mark is skipped. Bytes that are
not UTF-8 are kept as surrogates, so that identifiers that differ in a single byte stay different.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from infraray.errors import InfrarayError

GZIP = b"\x1f\x8b"
Row = tuple[int, list[str]]
"""The line on which a row begins, counted from 1, and the row's cells."""


def csv_rows(
    name: str, content: bytes, dialect: type[csv.Dialect] = csv.excel, comment: str | None = None
) -> Iterator[Row]:
    """Yields the rows that hold something.

    Args:
        name: of the file, for the start of errors.
        content: the file's.
        dialect: the file's.
        comment: the beginning of lines to skip.

    Raises:
        InfrarayError: one line with the file, the line and what is wrong.
    """
    if content.startswith(GZIP):
        raise InfrarayError(f"{name}: cannot be read (compressed by gzip, which its name must say: .gz)")
    lines: Iterable[str] = io.StringIO(content.decode("utf-8-sig", "surrogateescape"), newline="")
    if comment is not None:
        lines = ("\n" if line.lstrip().startswith(comment) else line for line in lines)
    reader = csv.reader(lines, dialect, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise InfrarayError(f"{name}:{line}: {error}") from None
        if cells is None:
            return
        if any(cell.strip() for cell in cells):
            yield line, cells


def columns_of(name: str, header: Sequence[str], wanted: Sequence[str], line: int = 1) -> list[int]:
    """Positions of the ``wanted`` columns in a ``header``; case and blanks around names are ignored.

    Raises:
        InfrarayError: a column is missing or appears twice.
    """
    names = [cell.strip().lower() for cell in header]
    for column in wanted:
        if names.count(column) > 1:
            raise InfrarayError(f"{name}:{line}: the header names {column} twice")
    if not set(wanted) <= set(names):
        raise InfrarayError(f"{name}:{line}: the first line must be a header with {' and '.join(wanted)}")
    return [names.index(column) for column in wanted]
