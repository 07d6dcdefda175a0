"""The flags that an installed engine has, by its own ``--help``: spaces and agents know other versions."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from itertools import takewhile

from infraray.engines import launchers
from infraray.engines.launcher import fill
from infraray.engines.process import engine_environment
from infraray.engines.spec import EngineSpec
from infraray.errors import InfrarayError, did_you_mean

HELP_S = 300.0
"""How long an engine may take to import itself and print its help."""

_HELP = {"vllm": "--help=all"}
"""What shows all flags, where ``--help`` does not."""

_FINDS = ("PATH", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
"""Variables on which it depends what is found. Others come and go: libraries set some when they are imported."""

_OPTION = re.compile(r"^ {1,8}(-.*?)(?: {2}|$)", re.MULTILINE)
"""The words of one option, before what it is for."""

_FLAG = re.compile(r"--([a-z][\w-]*)(?: \{([^}]*)\})?")


@dataclass(frozen=True)
class InstalledFlags:
    """What a version of an engine takes.

    Args:
        choices: each flag (without dashes in front), with its values where the help lists them.
    """

    choices: dict[str, tuple[str, ...]]

    def check(self, spec: EngineSpec) -> None:
        """Refuses flags that this version does not have.

        Raises:
            InfrarayError: one line for every flag that is unknown or has an impossible value.
        """
        wrong = []
        for name, value in spec.flags.items():
            flag = name.lstrip("-").replace("_", "-")
            if flag not in self.choices:
                wrong.append(
                    f"{name}: the installed {spec.engine} has no such flag; {did_you_mean(flag, self.choices)}"
                )
            elif self.choices[flag] and isinstance(value, str) and value not in self.choices[flag]:
                wrong.append(f"{name}={value!r}: the installed {spec.engine} takes {', '.join(self.choices[flag])}")
        if wrong:
            raise InfrarayError("\n".join(wrong))


_KNOWN: dict[Hashable, InstalledFlags] = {}
"""What was asked: an engine takes up to half a minute to print its help."""


def installed_flags(spec: EngineSpec) -> InstalledFlags | None:
    """The flags of the engine that a spec starts; None where it is no program of ours to ask.

    Raises:
        InfrarayError: the engine is not installed, or its help cannot be read.
    """
    if spec.command or not launchers()[spec.engine].command:
        return None
    key = spec.engine, spec.python, *(os.environ.get(name) for name in _FINDS), *sorted(spec.env.items())
    if key not in _KNOWN:
        _KNOWN[key] = _ask(spec.engine, spec.python, engine_environment(spec))
    return _KNOWN[key]


def _ask(engine: str, python: str, environment: Mapping[str, str]) -> InstalledFlags:
    words = takewhile(lambda word: not word.startswith("--"), launchers()[engine].command)
    program = [fill(word, {"python": python}) for word in words]
    try:
        asked = subprocess.Popen(
            [*program, _HELP.get(engine, "--help")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env={**environment, "COLUMNS": "200"},
            start_new_session=True,
        )
    except OSError as error:
        raise InfrarayError(f"engine {engine}: not installed: {program[0]}: {error.strerror}") from None
    try:
        printed, complaints = asked.communicate(timeout=HELP_S)
    except subprocess.TimeoutExpired:
        raise InfrarayError(f"engine {engine}: did not print its help within {HELP_S:g} s") from None
    finally:
        if asked.returncode is None:
            # With all that it has started, which may hold the pipes open.
            os.killpg(asked.pid, signal.SIGKILL)
            asked.communicate()
    flags = read_help(printed)
    if not flags.choices:
        last = (complaints.strip().splitlines() or ["it printed no flags"])[-1]
        raise InfrarayError(f"engine {engine}: not installed in {program[0]} ({last[:200]})")
    return flags


def read_help(text: str) -> InstalledFlags:
    """The flags in what argparse prints, or clap for TGI, their opposites (``--no-``) left out."""
    choices: dict[str, tuple[str, ...]] = {}
    for option in _OPTION.findall(text):
        for flag, listed in _FLAG.findall(option):
            if not flag.startswith("no-"):
                choices[flag] = tuple(value.strip() for value in listed.split(",")) if listed else ()
    return InstalledFlags(choices)
