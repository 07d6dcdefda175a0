"""The remains of a kill -9 in the middle of a trial: `python -m benchmarks.killed_study STUDY.yaml --out RUN`.

Starts `infraray search`, kills it while it measures a trial, and prints how long its processes, the memory of the
GPUs and its temporary folders outlive it. With ``--resume``, the same command continues to the end, and whatever was
finished before must be in the journal once, unchanged.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from infraray.engines.supervisor import descendants
from infraray.errors import InfrarayError
from infraray.scratch import started_at
from infraray.trajectories.journal import read_journal

LIMIT_S = 30.0
"""Seconds that anything of ours may outlive the kill; Ray's own agents take longer."""


def events(folder: Path) -> list[Mapping[str, Any]]:
    """The journal's events so far."""
    with suppress(InfrarayError):
        return list(read_journal(folder / "trials.jsonl"))
    return []


def under_way(folder: Path, trial: int) -> bool:
    """Whether a trial was proposed but has not finished."""
    kinds = {event["kind"] for event in events(folder) if event.get("trial") == trial}
    return kinds == {"asked"}


def name_of(pid: int) -> str:
    """A process's command line, shortened."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")[:80]
    return ""


def gpu_mib() -> str:
    """Memory in use on each GPU; empty without one."""
    if shutil.which("nvidia-smi") is None:
        return ""
    asked = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
    return " ".join(subprocess.run(asked, capture_output=True, text=True, check=False).stdout.split())


def folders() -> list[str]:
    """Our temporary folders."""
    return sorted(path.name for path in Path(tempfile.gettempdir()).glob("infraray-*") if path.is_dir())


def kill(command: Sequence[str], folder: Path, trial: int, after_s: float) -> None:
    """Runs the command and kills it some seconds into a trial; prints what is left, and for how long.

    Raises:
        SystemExit: the command ended before, or something of it outlives `LIMIT_S`.
    """
    driver = subprocess.Popen(command)
    while not under_way(folder, trial):
        if driver.poll() is not None:
            raise SystemExit(f"the search ended before trial {trial}")
        time.sleep(0.2)
    time.sleep(after_s)
    started = {pid: started_at(pid) for pid in descendants(driver.pid)}
    print(
        f"killed {after_s:g} s into trial {trial}, with {len(started)} processes below; GPU {gpu_mib()} MiB", flush=True
    )
    driver.kill()
    driver.wait()
    killed = time.monotonic()
    alive = dict(started)
    while alive and time.monotonic() < killed + LIMIT_S:
        time.sleep(0.2)
        for pid in [pid for pid, start in alive.items() if started_at(pid) != start]:
            del alive[pid]
            if not alive or time.monotonic() > killed + 10:
                print(f"  {time.monotonic() - killed:.1f} s: {len(alive)} left", flush=True)
    print(f"GPU {gpu_mib()} MiB; temporary folders: {folders()}", flush=True)
    names = [name_of(pid) for pid in alive]
    print(f"{LIMIT_S:g} s after the kill there are {names}", flush=True)
    if ours := [name for name in names if not name.startswith("ray::")]:
        raise SystemExit(f"{ours} should have ended")


def resume(command: Sequence[str], folder: Path) -> None:
    """Runs the command to its end.

    Raises:
        SystemExit: what had happened before has changed, or happens again.
    """
    before = events(folder)
    resumed = subprocess.run(command, check=False)
    after = events(folder)
    finished = [event["trial"] for event in after if event["kind"] == "finished"]
    print(f"resumed: exit status {resumed.returncode}, trials {finished}; temporary folders: {folders()}")
    if after[: len(before)] != before or len(finished) != len(set(finished)):
        raise SystemExit("what had happened before the kill was changed, or happened again")


def main() -> None:
    """Kills a search and resumes it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="the study's folder")
    parser.add_argument("--trial", type=int, default=1, help="in which it is killed (%(default)s)")
    parser.add_argument("--after", type=float, default=5.0, help="seconds into the trial (%(default)s)")
    parser.add_argument("--resume", action="store_true", help="go on afterwards")
    given = parser.parse_args()
    command = [sys.executable, "-m", "infraray", "search", str(given.study), "--out", str(given.out)]
    kill(command, given.out, given.trial, given.after)
    if given.resume:
        resume(command, given.out)


if __name__ == "__main__":
    main()
