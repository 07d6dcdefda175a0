"""The flags of an installed engine, according to its ``--help``: spaces and agents may assume another version.

An engine takes up to half a minute to import itself and print its help. The output is cached on disk, where all
processes of a study find it, as long as the same packages are installed.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import signal
import subprocess
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from infraray.engines.kind import EngineKind, fill, plain_flag
from infraray.engines.process import engine_environment
from infraray.engines.spec import EngineSpec
from infraray.errors import InfrarayError, did_you_mean

HELP_S = 300.0
"""Seconds that an engine may take to import itself and print its help."""

_FINDS = ("PATH", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
"""Variables that determine what is found. Others come and go: libraries set some when they are imported."""

_OPTION = re.compile(r"^ {1,8}(-.*?)(?: {2}|$)", re.MULTILINE)
"""The words of one option, before its description."""

_FLAG = re.compile(r"--([a-z][\w-]*)(?: \{([^}]*)\})?")


@dataclass(frozen=True)
class InstalledFlags:
    """The flags that a version of an engine takes.

    Args:
        choices: each flag (without leading dashes), with its values if the help lists them.
    """

    choices: dict[str, tuple[str, ...]]

    def check(self, spec: EngineSpec) -> None:
        """Refuses flags that this version does not have.

        Raises:
            InfrarayError: one line for every flag that is unknown or has an impossible value.
        """
        wrong = []
        for name, value in spec.flags.items():
            flag = plain_flag(name)
            if flag not in self.choices:
                wrong.append(
                    f"{name}: the installed {spec.engine} has no such flag; {did_you_mean(flag, self.choices)}"
                )
            elif self.choices[flag] and isinstance(value, str) and value not in self.choices[flag]:
                wrong.append(f"{name}={value!r}: the installed {spec.engine} takes {', '.join(self.choices[flag])}")
        if wrong:
            raise InfrarayError("\n".join(wrong))


_KNOWN: dict[Hashable, InstalledFlags] = {}
"""The flags that this process has asked for or read."""

_INSTALLED = """
import importlib.metadata, importlib.util, json, os, sys
packages = [
    [one.metadata["Name"], one.version, one.read_text("direct_url.json")] for one in importlib.metadata.distributions()
]
found = importlib.util.find_spec(sys.argv[1].split(".")[0])
place = found.origin if found is not None and found.origin else ""
print(json.dumps({"packages": sorted(packages, key=str), "place": place, "changed": place and os.stat(place).st_mtime}))
"""
"""Asks an interpreter for its packages and the location of a module, without importing any of them."""


def installed_flags(spec: EngineSpec, folder: Path | None = None) -> InstalledFlags | None:
    """The flags of the engine that a spec starts; None if it is not a program that we can ask.

    Args:
        spec: names engine, interpreter and environment variables.
        folder: where they are cached for other processes; None for nowhere.

    Raises:
        InfrarayError: the engine is not installed, or its help cannot be read.
    """
    words = list(takewhile(lambda word: not word.startswith("--"), spec.kind.command))
    if spec.command or not words:
        return None
    key = spec.engine, spec.python, *(os.environ.get(name) for name in _FINDS), *sorted(spec.env.items())
    if key not in _KNOWN:
        program = [fill(word, {"python": spec.python}) for word in words]
        environment = engine_environment(spec)
        digest = None if folder is None or spec.python not in program else _digest(program, environment)
        if folder is None or digest is None:
            _KNOWN[key] = _ask(spec.kind, program, environment)
        else:
            _KNOWN[key] = _kept(folder / f"flags-{digest}.json", spec.kind, program, environment)
    return _KNOWN[key]


def _kept(path: Path, kind: EngineKind, program: Sequence[str], environment: Mapping[str, str]) -> InstalledFlags:
    """Reads the cached flags, or asks for them and caches them; other processes wait meanwhile."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            return InstalledFlags({flag: tuple(values) for flag, values in json.loads(path.read_text()).items()})
        except (OSError, ValueError, AttributeError, TypeError):
            flags = _ask(kind, program, environment)
        unfinished = path.with_suffix(f".{os.getpid()}")
        unfinished.write_text(json.dumps(flags.choices))
        unfinished.replace(path)
    return flags


def _digest(program: Sequence[str], environment: Mapping[str, str]) -> str | None:
    """A key for the program and all packages of its interpreter; None for an editable installation."""
    try:
        asked = subprocess.run(
            [program[0], "-c", _INSTALLED, program[-1]],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
            env=dict(environment),
        )
        installed = json.loads(asked.stdout)
        editable = {name for name, _, url in installed["packages"] if '"editable": true' in (url or "")}
    except (OSError, ValueError, TypeError, KeyError, subprocess.SubprocessError):
        return None
    if editable - {"infraray"}:
        return None
    scripts = [hashlib.sha256(Path(word).read_bytes()).hexdigest() for word in program[1:] if Path(word).is_file()]
    return hashlib.sha256(json.dumps([list(program), scripts, installed]).encode()).hexdigest()[:16]


def _ask(kind: EngineKind, program: Sequence[str], environment: Mapping[str, str]) -> InstalledFlags:
    try:
        asked = subprocess.Popen(
            [*program, kind.help_flag],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env={**environment, "COLUMNS": "200"},
            start_new_session=True,
        )
    except OSError as error:
        raise InfrarayError(f"engine {kind.name}: not installed: {program[0]}: {error.strerror}") from None
    try:
        printed, complaints = asked.communicate(timeout=HELP_S)
    except subprocess.TimeoutExpired:
        raise InfrarayError(f"engine {kind.name}: did not print its help within {HELP_S:g} s") from None
    finally:
        if asked.returncode is None:
            # With everything that it started, which may hold the pipes open.
            os.killpg(asked.pid, signal.SIGKILL)
            asked.communicate()
    flags = read_help(printed)
    if not flags.choices:
        last = (complaints.strip().splitlines() or ["it printed no flags"])[-1]
        raise InfrarayError(f"engine {kind.name}: not installed in {program[0]} ({last[:200]})")
    return flags


def read_help(text: str) -> InstalledFlags:
    """The flags in the help of argparse, or clap for TGI, without their opposites (``--no-``)."""
    choices: dict[str, tuple[str, ...]] = {}
    for option in _OPTION.findall(text):
        for flag, listed in _FLAG.findall(option):
            if not flag.startswith("no-"):
                choices[flag] = tuple(value.strip() for value in listed.split(",")) if listed else ()
    return InstalledFlags(choices)
