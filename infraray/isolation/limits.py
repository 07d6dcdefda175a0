"""The resources one command may use before it is ended."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from infraray.errors import InfrarayError

LEAST = {
    "wall_s": 0.01,
    "cpu_s": 0.01,
    "memory_bytes": 32 * 2**20,
    "processes": 2,
    "open_files": 16,
    "file_bytes": 2**20,
    "output_bytes": 1,
}
"""The least with which a shell can start."""


@dataclass(frozen=True)
class Limits:
    """The limits of one command; each holds for all of its processes together unless it says otherwise.

    Args:
        wall_s: seconds from start to end.
        cpu_s: seconds of processor time.
        memory_bytes: memory of the processes, including their files in /tmp and sockets.
        processes: processes and threads at a time; a command that reaches this number is ended.
        open_files: open files of each process; no more can be opened.
        file_bytes: size of each file; a process that writes more is ended.
        output_bytes: standard output and error.

    Raises:
        InfrarayError: a value is not a number, or less than a shell needs to start.
    """

    wall_s: float = 10.0
    cpu_s: float = 10.0
    memory_bytes: int = 256 * 2**20
    processes: int = 64
    open_files: int = 256
    file_bytes: int = 64 * 2**20
    output_bytes: int = 64 * 2**10

    def __post_init__(self) -> None:
        for field in fields(self):
            value, least = getattr(self, field.name), LEAST[field.name]
            seconds = isinstance(least, float)
            if isinstance(value, bool) or not isinstance(value, int | float if seconds else int):
                raise InfrarayError(f"{field.name}={value!r}: give {'seconds' if seconds else 'a whole number'}")
            if not math.isfinite(value) or value < least:
                raise InfrarayError(f"{field.name}={value!r}: give at least {least}, and not infinity")
