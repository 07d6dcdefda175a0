"""The time before anything happens: `import infraray` and `infraray --help`, beside `import gymnasium`.

Processor time of a fresh interpreter, the median of nine in turns, so that a busy machine affects all alike.
"""

import resource
import statistics
import subprocess
import sys

from benchmarks.table import Row, print_table

ROUNDS = 9
ALTERNATIVE = [sys.executable, "-c", "import gymnasium"]
OURS = {
    "import infraray": [sys.executable, "-c", "import infraray"],
    "infraray --help": [sys.executable, "-m", "infraray", "--help"],
}


def processor_s(command: list[str]) -> float:
    """User and system seconds of a command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> list[Row]:
    """The rows of the table."""
    taken: dict[str, list[float]] = {name: [] for name in ("import gymnasium", *OURS)}
    for _ in range(ROUNDS):
        for name, command in {"import gymnasium": ALTERNATIVE, **OURS}.items():
            taken[name].append(processor_s(command))
    medians = {name: statistics.median(seconds) for name, seconds in taken.items()}
    theirs = medians["import gymnasium"]
    return [
        Row(name, f"{medians[name]:.2f} s", "import gymnasium", f"{theirs:.2f} s", medians[name] / theirs, "")
        for name in OURS
    ]


if __name__ == "__main__":
    print_table(main())
