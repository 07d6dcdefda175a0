"""Provenance of results: the command, the code's commits, the versions and the machine of each start.

The manifest of a run or a study keeps a list of *sessions*, one for each start: the first, and every resumption by the
same command. Nothing in them belongs to an identity; they are for whoever has to explain a figure a year later.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from infraray.engines import engine_kinds
from infraray.errors import InfrarayError, is_secret
from infraray.hardware.gpus import listed_gpus
from infraray.plugins import plugin_versions
from infraray.version import __version__

PACKAGES = (
    *("ray", "numpy", "pyarrow", "gymnasium", "pydantic"),
    *("openai", "langgraph", "optuna", "hpbandster", "smac", "ConfigSpace"),
)
"""Packages whose versions are recorded if they are installed, beside those of plugins."""

WAIT_S = 10.0
"""Seconds that git may take to answer."""

_CREDENTIALS = re.compile(r"(?<=://)[^/?#\s]+(?=@)")
_KEY = re.compile(
    r"\b(?:(?:sk|hf|ghp|gho|ghs|github_pat|xox[a-z]|glpat|gsk|nvapi|xai|r8|lin_api|dop_v1|pplx)[-_]|AKIA|AIza|eyJ)"
    r"[-_.A-Za-z0-9]{8,}|(?i:\b(?:bearer|basic)\s+\S+)"
)
_NAME = re.compile(r"(?<![\w-])--?(?P<option>[\w-]++)\s+(?!-)|(?P<name>[\w-]++)[\"']?\s*[=:]\s*[\"']?")
_VALUE = re.compile(r"[^&?#\s\"',}]*")
_HEADER = re.compile(r"(?s)(?<=[=:]).*")
_HEADERS = {"authorization", "proxy-authorization", "cookie", "auth", "pwd"}
_HEADER_OPTIONS = {"header", "headers", "H"}


def session() -> dict[str, Any]:
    """This start, as plain data without secrets."""
    return {
        "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": shown_command(sys.argv),
        "folder": os.getcwd(),
        "git": git_state(Path.cwd()),
        "infraray_git": _checkout(),
        "versions": {"infraray": __version__, "python": platform.python_version(), **_installed()},
        "host": socket.gethostname(),
        "system": platform.platform(),
        "hardware": _hardware(),
        "cluster": _masked(os.environ.get("RAY_ADDRESS", "")) or None,
    }


def shown_command(arguments: Sequence[str]) -> str:
    """A command line, safe to write down: "..." replaces keys, tokens, passwords and the values of headers."""
    shown: list[str] = []
    before = ""
    for argument in arguments:
        name, sign, value = argument.partition("=")
        if _names_secret(before):
            shown.append("...")
        elif before in _HEADER_OPTIONS:
            shown.append(_HEADER.sub("...", argument, count=1))
        elif name.lstrip("-") in _HEADER_OPTIONS and name.startswith("-") and sign:
            shown.append(f"{name}={_HEADER.sub('...', value, count=1)}")
        else:
            shown.append(_masked(argument))
        before = name.lstrip("-") if name.startswith("-") and not sign else ""
    return shlex.join(shown).replace("'...'", "...")


def _masked(text: str) -> str:
    text = _KEY.sub("...", _CREDENTIALS.sub("...", text))
    shown, position = "", 0
    for found in _NAME.finditer(text):
        if found.start() >= position and _names_secret((found["option"] or found["name"]).lstrip("-")):
            value = _VALUE.match(text, found.end())
            shown += f"{text[position : found.end()]}..."
            position = value.end() if value is not None else found.end()
    return shown + text[position:]


def _names_secret(name: str) -> bool:
    plain = name.replace("-", "_")
    return (is_secret(plain) and not plain.endswith("_env")) or name.lower() in _HEADERS


def git_state(folder: Path) -> dict[str, Any] | None:
    """The commit of a folder's repository, and whether tracked files have changed since; None without a repository."""
    commit = _asked("git", "-C", str(folder), "rev-parse", "HEAD")
    if not commit:
        return None
    changes = _asked("git", "-C", str(folder), "status", "--porcelain", "--untracked-files=no")
    return {"commit": commit, "dirty": None if changes is None else bool(changes)}


def _checkout() -> dict[str, Any] | None:
    """The state of infraray's own repository; None for an installed package, which may lie inside another's."""
    folder = Path(__file__).parent
    is_tracked = _asked("git", "-C", str(folder), "ls-files", "--error-unmatch", Path(__file__).name)
    return git_state(folder) if is_tracked else None


def _installed() -> dict[str, str]:
    found = plugin_versions()
    for name in (*PACKAGES, *(name for kind in engine_kinds.working(plugins=False).values() for name in kind.packages)):
        with suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def _hardware() -> dict[str, Any]:
    """The driver's machine: processor, cores that this process may use, memory, GPUs."""
    processor, memory = platform.machine(), None
    with suppress(OSError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text().split("\n")
        processor = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    with suppress(OSError, ValueError):
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        gpus = [f"{gpu.name}, {gpu.memory_mib:.0f} MiB, {gpu.driver}" for gpu in listed_gpus()]
    except InfrarayError as error:
        gpus = [str(error)]
    return {
        "processor": processor,
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": memory,
        "gpus": gpus,
    }


def _asked(program: str, *arguments: str) -> str | None:
    """A program's output; None if the program is missing or prints nothing."""
    if shutil.which(program) is None:
        return None
    with suppress(OSError, subprocess.SubprocessError):
        environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
        done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=WAIT_S, env=environment)
        if done.returncode == 0:
            return done.stdout.strip()
    return None


def with_session(before: Any) -> list[Any]:
    """A manifest's sessions and this one: none is ever lost."""
    return [*(before if isinstance(before, list) else []), session()]


def describe(sessions: Any) -> list[str]:
    """The sessions in words, one line per fact; empty if a manifest has none."""
    known = (
        [found for found in sessions if isinstance(found, Mapping) and "started_at" in found]
        if isinstance(sessions, list)
        else []
    )
    if not known:
        return []
    last = known[-1]
    times = [str(found.get("started_at", "?")).replace("T", " ").replace("+00:00", " UTC") for found in known]
    started = f"Started {times[0]}"
    if len(times) > 1:
        again = "once" if len(times) == 2 else f"{len(times) - 1} times"
        started += f", resumed {again}, last {times[-1]}"
    lines = [f"{started}.", f"Command: {last.get('command', '?')} (in {last.get('folder', '?')})."]
    code = [(name, _said_git(last.get(field))) for name, field in (("infraray", "infraray_git"), ("folder", "git"))]
    commits = [f"{name} at {state}" for name, state in code if state]
    lines += [f"Code: {', '.join(commits)}."] if commits else []
    versions = last.get("versions")
    if isinstance(versions, Mapping):
        lines.append(f"Versions: {', '.join(f'{name} {version}' for name, version in versions.items())}.")
    hosts = dict.fromkeys(str(found.get("host", "?")) for found in known)
    lines.append(f"Machine: {', '.join(hosts)}; {_said_hardware(last.get('hardware'))}{last.get('system', '')}.")
    return lines


def _said_git(state: Any) -> str:
    if not isinstance(state, Mapping):
        return ""
    return str(state.get("commit", "?"))[:12] + (" with changes" if state.get("dirty") else "")


def _said_hardware(hardware: Any) -> str:
    if not isinstance(hardware, Mapping):
        return ""
    memory = hardware.get("memory_bytes")
    parts = [f"{hardware.get('cores', '?')} cores of {hardware.get('processor', '?')}"]
    parts += [f"{memory / 2**30:.0f} GiB of memory"] if isinstance(memory, int) else []
    gpus = hardware.get("gpus")
    parts += [str(gpu) for gpu in gpus] if isinstance(gpus, list) and gpus else ["no GPU"]
    return f"{', '.join(parts)}; "
