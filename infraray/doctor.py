"""A check of what this machine can run, and what is missing for the rest."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from infraray import isolation
from infraray.actors.cluster import check_cluster
from infraray.agents import agent_kinds, find_agent_kind
from infraray.emulators import network
from infraray.emulators.cluster import requirements
from infraray.errors import InfrarayError
from infraray.registration import registrations
from infraray.reports.table_lines import print_table
from infraray.runs.planning import obstacle

SHARED_MEMORY_BYTES = 512 * 2**20
DISK_BYTES = 2**30


@dataclass(frozen=True)
class Finding:
    """A check's finding.

    Args:
        ok: whether the thing that was checked can be used.
        what: what was found.
        fix: what to do about it; empty if nothing needs to be done.
    """

    ok: bool
    what: str
    fix: str = ""


def python() -> Finding:
    """Whether the interpreter's version is one that we test."""
    version = ".".join(map(str, sys.version_info[:3]))
    tested = (3, 11) <= sys.version_info[:2] <= (3, 14)
    return Finding(tested, version, "" if tested else "not tested with this version; 3.11 to 3.14 are")


def cpus() -> Finding:
    """The number of CPUs; one rollout worker runs on each."""
    count = len(os.sched_getaffinity(0))
    return Finding(True, f"{count} CPUs for as many rollout workers")


def shared_memory() -> Finding:
    """Free shared memory, where Ray's object store lives."""
    free = shutil.disk_usage("/dev/shm").free if Path("/dev/shm").is_dir() else 0
    enough = free >= SHARED_MEMORY_BYTES
    return Finding(
        enough,
        f"{free / 2**30:.1f} GiB free in /dev/shm",
        "" if enough else "give /dev/shm at least 0.5 GiB (docker run --shm-size=1g), or Ray will be slow",
    )


def disk() -> Finding:
    """Free disk space in the current folder, where runs are written by default."""
    free = shutil.disk_usage(".").free
    writable = os.access(".", os.W_OK)
    enough = free >= DISK_BYTES
    fix = "" if writable and enough else "choose a folder with space and write permission through --out"
    return Finding(writable and enough, f"{free / 2**30:.1f} GiB free in {Path.cwd()}", fix)


def ray() -> Finding:
    """The cluster that would be joined or started."""
    version = importlib.metadata.version("ray")
    try:
        address = check_cluster()
    except InfrarayError as error:
        return Finding(False, f"Ray {version}, without a cluster", str(error))
    if address != "local":
        return Finding(True, f"Ray {version}, joins the cluster at {address} (RAY_ADDRESS)")
    return Finding(True, f"Ray {version}, starts a cluster on this machine (RAY_ADDRESS names none)")


def sandboxes() -> Finding:
    """Whether code that a language model wrote can run isolated."""
    problem = isolation.problem()
    return Finding(problem is None, "can be made" if problem is None else "cannot be made", problem or "")


def networks() -> Finding:
    """Whether networks can be emulated, as scenario routing does."""
    problem = network.problem()
    if problem is not None:
        return Finding(False, "cannot be emulated", problem)
    lacking = "" if "netem" in network.features() else "; without netem, so no faults that delay packets"
    return Finding(True, f"can be emulated{lacking}")


def clusters() -> Finding:
    """Whether Kubernetes clusters can be emulated, as scenario kubernetes_policy does."""
    problem = requirements.problem()
    if problem is not None:
        return Finding(False, "cannot be emulated", problem)
    return Finding(True, "can be emulated")


def libcachesim() -> Finding:
    """Whether cache policies can be checked against libCacheSim."""
    try:
        return Finding(True, f"libcachesim {importlib.metadata.version('libcachesim')}")
    except importlib.metadata.PackageNotFoundError:
        if sys.version_info >= (3, 14):
            return Finding(False, "not installed", "has no wheel for Python 3.14 and later (only for cross-checks)")
        return Finding(False, "not installed", "pip install 'infraray[libcachesim]' (only for cross-checks)")


CHECKS: dict[str, Callable[[], Finding]] = {
    "Python": python,
    "processors": cpus,
    "shared memory": shared_memory,
    "disk": disk,
    "Ray": ray,
    "isolation": sandboxes,
    "networks": networks,
    "clusters": clusters,
    "libCacheSim (optional)": libcachesim,
}


def scenario_findings() -> dict[str, Finding]:
    """Whether each scenario can be played here with its defaults, which a run also checks before it starts."""
    findings = {}
    for found in registrations():
        try:
            environment = found.environment_class()()
            problem = obstacle(environment) or environment.missing_here()
            findings[found.name] = (
                Finding(True, "can be run") if problem is None else Finding(False, "cannot be run", problem)
            )
        except (InfrarayError, ImportError, OSError) as error:
            findings[found.name] = Finding(False, "cannot be run", str(error))
    return findings


def agent_findings() -> dict[str, Finding]:
    """Whether agents of each kind can be created here."""
    findings = {}
    for name in agent_kinds():
        kind = find_agent_kind(name)
        try:
            version = f"{kind.package} {importlib.metadata.version(kind.package)}" if kind.package else ""
            findings[name] = Finding(True, f"can be made{version and f' ({version})'}")
        except importlib.metadata.PackageNotFoundError:
            findings[name] = Finding(False, f"{kind.package} is not installed", kind.install)
    return findings


def print_checkup(console: Console) -> None:
    """Prints all findings."""
    for title, findings in (
        ("This machine", {name: check() for name, check in CHECKS.items()}),
        ("Scenarios", scenario_findings()),
        ("Kinds of agents", agent_findings()),
    ):
        table = Table("", "", "found", "what to do", title=title, title_justify="left")
        for name, finding in findings.items():
            sign = "[green]ok[/]" if finding.ok else "[yellow]--[/]"
            table.add_row(sign, name, escape(finding.what), escape(finding.fix))
        print_table(table, console)
