"""Records the files that a build opens for reading as a trace of ``time,key,size``.

    python -m infraray.scenarios.caching.traces.record OUT.csv.gz -- COMMAND...

Needs Linux and strace. The command and all its children run under strace. Each time a regular file is opened for
reading and its size is queried, one request is written: milliseconds since the start, a number instead of the path,
and bytes. Paths are not kept. `README.md` beside this file says how the included trace was made.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from infraray.scratch import scratch_folder

_CALL = re.compile(r"(?P<process>\d+) +(?P<time>\d+\.\d+) (?P<rest>.*)")
_UNFINISHED = " <unfinished ...>"
_RESUMED = re.compile(r"<\.\.\. \w+ resumed>")
_OPENED = re.compile(r"openat\(.*\bO_RDONLY\b.* = (?P<file>\d+)<(?P<path>/.*)>$")
_SIZED = re.compile(r"(?:fstat|newfstatat)\((?P<file>\d+)<.*st_mode=S_IFREG.*st_size=(?P<size>\d+)")


def record(command: list[str], out: Path) -> int:
    """Runs a command under strace and writes its trace; returns the number of requests.

    Raises:
        subprocess.CalledProcessError: the command failed.
    """
    with scratch_folder() as folder:
        log = Path(folder, "strace.log")
        options = ["-f", "-y", "-ttt", "-s", "0", "-v", "-e", "trace=openat,fstat,newfstatat", "-e", "signal=none"]
        subprocess.run(["strace", *options, "-o", str(log), *command], check=True)
        with log.open(errors="replace") as lines:
            requests = list(read_strace(lines))
    numbers: dict[str, int] = {}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("time", "key", "size"))
    for time_s, path, size in requests:
        milliseconds = round((time_s - requests[0][0]) * 1000)
        writer.writerow((milliseconds, numbers.setdefault(path, len(numbers)), size))
    # Without a timestamp, equal traces make equal files.
    out.write_bytes(gzip.compress(text.getvalue().encode(), mtime=0))
    return len(requests)


def read_strace(lines: Iterable[str]) -> Iterator[tuple[float, str, int]]:
    """Yields (seconds, path, bytes) of each regular file that a process opens and then queries for its size."""
    begun: dict[str, str] = {}
    opened: dict[tuple[str, str], tuple[float, str]] = {}
    for line in lines:
        call = _CALL.fullmatch(line.rstrip("\n"))
        if call is None:
            continue
        process, rest = call["process"], call["rest"]
        if rest.endswith(_UNFINISHED):
            begun[process] = rest.removesuffix(_UNFINISHED)
            continue
        resumed = _RESUMED.match(rest)
        if resumed:
            rest = begun.pop(process, "") + rest[resumed.end() :]
        if found := _OPENED.search(rest):
            opened[process, found["file"]] = float(call["time"]), found["path"]
        elif (found := _SIZED.match(rest)) and (process, found["file"]) in opened:
            time_s, path = opened.pop((process, found["file"]))
            yield time_s, path, int(found["size"])


def main() -> None:
    """The command line."""
    if len(sys.argv) < 4 or sys.argv[2] != "--":
        sys.exit("usage: python -m infraray.scenarios.caching.traces.record OUT.csv.gz -- COMMAND...")
    print(f"{record(sys.argv[3:], Path(sys.argv[1]))} requests")


if __name__ == "__main__":
    main()
