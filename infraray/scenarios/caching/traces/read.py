"""Reads traces of requests: CSV, libCacheSim's oracleGeneral, Twitter's and Wikimedia's text.

Files that end in .gz, .bz2, .zst or .lz4 are decompressed. Objects are identified by their keys, byte for byte; keys
in text formats are numbered in order of appearance. An object of 0 bytes counts as one of 1 byte in CSV and in
Wikimedia's data; in libCacheSim's two formats, where 0 means an unknown size, the request is skipped, as libCacheSim
does.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from infraray.csv_file import columns_of, csv_rows
from infraray.errors import InfrarayError
from infraray.file_content import parsed_once

RECORDED_TRACE = Path(__file__).with_name("build.csv.gz")
LARGEST_SIZE = 2**50
"""Bytes; larger sizes count as an error in the file."""
REQUEST = np.dtype([("time", "<u4"), ("key", "<u8"), ("size", "<u4"), ("next_access", "<i8")])
"""One request of oracleGeneral: 24 bytes, packed."""


class Trace(NamedTuple):
    """Keys and sizes in bytes, each of shape ``(requests,)``."""

    keys: NDArray[np.int64]
    sizes: NDArray[np.int64]


RowReader = Callable[[list[str]], tuple[str, int] | None]
"""Takes a line's cells; returns key and size in bytes, None if the line is not a request."""


class _BadLine(Exception):
    """Why a line cannot be read."""


class _Unquoted(csv.excel):
    """Commas separate, quotes mean nothing."""

    quoting = csv.QUOTE_NONE


class _Tabbed(_Unquoted):
    """Tabs separate."""

    delimiter = "\t"


_DIALECTS = {"csv": csv.excel, "twitter": _Unquoted, "wikimedia": _Tabbed}


@parsed_once("caching", keep=8)
def read_trace(name: str, content: bytes, trace_format: str) -> Trace:
    """Reads a trace from ``read_trace(path, trace_format)``.

    Args:
        name: the file's name, for error messages.
        content: the file's content.
        trace_format: ``csv``, ``oracle_general``, ``twitter`` or ``wikimedia``.

    Raises:
        InfrarayError: one line with the file, the line and what is wrong.
    """
    trace = _read_binary(name, content) if trace_format == "oracle_general" else _read_text(name, content, trace_format)
    if not len(trace.keys):
        raise InfrarayError(f"{name}: holds no requests")
    return trace


def _read_binary(name: str, content: bytes) -> Trace:
    whole, rest = divmod(len(content), REQUEST.itemsize)
    if rest:
        raise InfrarayError(
            f"{name}: ends in the middle of request {whole + 1}; "
            f"{len(content)} bytes are not a multiple of {REQUEST.itemsize}: not oracleGeneral, or cut off"
        )
    requests = np.frombuffer(content, REQUEST)
    requests = requests[requests["size"] > 0]
    return Trace(requests["key"].astype(np.int64), requests["size"].astype(np.int64))


def _read_text(name: str, content: bytes, trace_format: str) -> Trace:
    read_row: RowReader | None = None
    numbers: dict[str, int] = {}
    keys: list[int] = []
    sizes: list[int] = []
    for line, row in csv_rows(name, content, _DIALECTS[trace_format]):
        try:
            if read_row is None:
                read_row, row_is_header = _HEADERS[trace_format](name, line, row)
                if row_is_header:
                    continue
            found = read_row(row)
        except _BadLine as error:
            raise InfrarayError(f"{name}:{line}: {error}") from None
        if found is not None:
            keys.append(numbers.setdefault(found[0], len(numbers)))
            sizes.append(found[1])
    return Trace(np.array(keys, np.int64), np.array(sizes, np.int64))


def _csv_columns(name: str, line: int, row: list[str]) -> tuple[RowReader, bool]:
    """CSV with a header that names at least ``key`` and ``size``, as in ``time,key,size``."""
    return _columns(len(row), *columns_of(name, row, ("key", "size"), line)), True


def _twitter_columns(name: str, line: int, row: list[str]) -> tuple[RowReader, bool]:
    """``timestamp,key,key size,value size,client id,operation,TTL``: the object is key and value together.

    Only reads (get, gets) are requests for an object; a key may contain commas. A read without a value found nothing
    in Twitter's cache, so the object's size is unknown and the request is skipped, as in libCacheSim.
    """

    def read(cells: list[str]) -> tuple[str, int] | None:
        if len(cells) < 7:
            raise _BadLine(f"holds {len(cells)} columns, not timestamp,key,key size,value size,client id,operation,TTL")
        key_size, value_size, operation = _size(cells[-5]), _size(cells[-4]), cells[-2]
        if operation not in ("get", "gets") or value_size == 0:
            return None
        return ",".join(cells[1:-5]), key_size + value_size

    return read, False


def _wikimedia_columns(name: str, line: int, row: list[str]) -> tuple[RowReader, bool]:
    """Wikimedia's caching data set of 2019, with or without its header.

    Upload: ``relative_unix, hashed_path_query, image_type, response_size, time_firstbyte``; text:
    ``relative_unix, hashed_host_path_query, response_size, time_firstbyte``.
    """
    if len(row) not in (4, 5):
        raise _BadLine(f"holds {len(row)} tab-separated columns, not the 4 (text) or 5 (upload) of Wikimedia's data")
    return _columns(len(row), 1, len(row) - 2), row[0] == "relative_unix"


def _columns(count: int, key: int, size: int) -> RowReader:
    def read(cells: list[str]) -> tuple[str, int]:
        if len(cells) != count:
            raise _BadLine(f"holds {len(cells)} columns where {count} are needed")
        return cells[key], max(_size(cells[size]), 1)

    return read


def _size(cell: str) -> int:
    try:
        size = int(cell)
    except ValueError:
        raise _BadLine(f"size {cell[:40]!r} is not a whole number of bytes") from None
    if not 0 <= size <= LARGEST_SIZE:
        raise _BadLine(f"size {cell[:40]} is not from 0 to 2**50 bytes")
    return size


_HEADERS: dict[str, Callable[[str, int, list[str]], tuple[RowReader, bool]]] = {
    "csv": _csv_columns,
    "twitter": _twitter_columns,
    "wikimedia": _wikimedia_columns,
}
