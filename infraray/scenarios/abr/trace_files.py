"""Throughput traces from files.

There are two forms, distinguished by the number of columns in the first line. Blank lines and lines that start with
``#`` are skipped, and files that end in .gz, .bz2, .zst or .lz4 are decompressed:

- Mahimahi: one whole number per line, the millisecond at which a packet of 1500 bytes may leave; several packets in
  one millisecond are several lines. Packets are counted per half second.
- Time and throughput: seconds and Mbit/s. A line's throughput holds from the line before to the
  line's own time, as in Pensieve's player; the first line only says when the trace starts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

import numpy as np

from infraray.csv_file import csv_rows
from infraray.errors import InfrarayError
from infraray.file_content import parsed_once
from infraray.scenarios.abr.trace import Trace

PACKET_MBIT = 1500 * 8 / 1e6
BIN_MS = 500
MOST_MBPS = 1e6
LEAST_MEAN_MBPS = 0.001
LONGEST_S = 1e7


@parsed_once("abr", keep=256)
def load_trace(name: str, content: bytes) -> Trace:
    """Reads a trace from ``load_trace(path)``.

    Raises:
        InfrarayError: one line with the file, the line and what is wrong.
    """
    lines = numbered_lines(name, content)
    if not lines:
        raise InfrarayError(f"{name}: holds no trace")
    columns = len(lines[0][1])
    if columns not in (1, 2):
        raise InfrarayError(
            f"{name}:{lines[0][0]}: {columns} columns; a trace has one (Mahimahi: milliseconds) or two "
            "(seconds and Mbit/s)"
        )
    trace = _mahimahi(name, lines) if columns == 1 else _time_and_throughput(name, lines)
    if trace.duration_s > LONGEST_S:
        raise InfrarayError(f"{name}: lasts {trace.duration_s:.3g} s; at most {LONGEST_S:.0e} s are allowed")
    if trace.capacity_mbit < LEAST_MEAN_MBPS * trace.duration_s:
        raise InfrarayError(f"{name}: carries less than {LEAST_MEAN_MBPS} Mbit/s on average; no video can play")
    return trace


def numbered_lines(name: str, content: bytes) -> list[tuple[int, list[str]]]:
    """The non-empty lines as (line number, columns); commas, blanks and tabs separate columns."""
    rows = csv_rows(name, content, comment="#")
    return [(line, [word for cell in cells for word in re.split(r"[ \t]+", cell) if word]) for line, cells in rows]


def _mahimahi(name: str, lines: Iterable[tuple[int, list[str]]]) -> Trace:
    moments: list[int] = []
    for number, columns in lines:
        if len(columns) != 1 or not columns[0].isdecimal():
            raise InfrarayError(f"{name}:{number}: {' '.join(columns)[:60]!r} is not a whole number of ms")
        moment = int(columns[0])
        if moments and moment < moments[-1]:
            raise InfrarayError(f"{name}:{number}: {moment} ms comes before the line above; sort the file")
        if moment > LONGEST_S * 1000:
            raise InfrarayError(f"{name}:{number}: {moment} ms is more than {LONGEST_S:.0e} s")
        moments.append(moment)
    end = moments[-1]
    if end == 0:
        raise InfrarayError(f"{name}: ends at 0 ms; its last line must say when the trace starts again")
    # A packet at millisecond t leaves in the millisecond that ends at t.
    packets = np.bincount(np.maximum(np.array(moments) - 1, 0) // BIN_MS)
    durations = np.full(len(packets), BIN_MS / 1000)
    durations[-1] = end / 1000 - (len(packets) - 1) * BIN_MS / 1000
    return Trace.of(durations, packets * PACKET_MBIT / durations)


def _time_and_throughput(name: str, lines: Iterable[tuple[int, list[str]]]) -> Trace:
    times: list[float] = []
    rates: list[float] = []
    for number, columns in lines:
        try:
            time, rate = (float(column) for column in columns)
        except ValueError:
            raise InfrarayError(
                f"{name}:{number}: {' '.join(columns)[:60]!r} does not hold two numbers, seconds and Mbit/s"
            ) from None
        if not math.isfinite(time) or not 0 <= rate <= MOST_MBPS:
            raise InfrarayError(f"{name}:{number}: the throughput must be from 0 to {MOST_MBPS:.0e} Mbit/s")
        if times and time <= times[-1]:
            raise InfrarayError(f"{name}:{number}: the time {time:g} s does not come after the line above")
        times.append(time)
        rates.append(rate)
    if len(times) < 2:
        raise InfrarayError(f"{name}: holds one line; two are the least, for the trace's start and end")
    return Trace.of(np.diff(times), rates[1:])
