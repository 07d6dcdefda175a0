"""The flags that an installed engine has, by its own ``--help``: spaces and agents know other versions."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from functools import cache

from infraray.engines import launchers
from infraray.engines.spec import EngineSpec
from infraray.errors import InfrarayError, did_you_mean

HELP_S = 300.0
"""How long an engine may take to import itself and print its help."""

_HELP = {"vllm": "--help=all"}
"""What shows all flags, where ``--help`` does not."""

_FLAG = re.compile(r"^\s{1,8}(?:-\w+, )?(--[a-z][\w-]*)((?:,? +--?[a-z][\w-]*)*)(?: +\{([^}]*)\})?", re.MULTILINE)


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


def installed_flags(spec: EngineSpec) -> InstalledFlags | None:
    """The flags of the engine that a spec starts; None where it is no program of ours to ask.

    Raises:
        InfrarayError: the engine is not installed, or its help cannot be read.
    """
    if spec.engine not in ("vllm", "sglang", "transformers") or spec.command:
        return None
    environment = tuple(sorted({**os.environ, **spec.env}.items()))
    return _ask(spec.engine, spec.python, environment)


@cache
def _ask(engine: str, python: str, environment: tuple[tuple[str, str], ...]) -> InstalledFlags:
    template = launchers()[engine].command
    program = [word.replace("{python}", python) for word in template[: template.index("--model")]]
    try:
        asked = subprocess.run(
            [*program, _HELP.get(engine, "--help")],
            capture_output=True,
            text=True,
            timeout=HELP_S,
            stdin=subprocess.DEVNULL,
            env={**dict(environment), "COLUMNS": "200"},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InfrarayError(f"engine {engine}: its help cannot be read ({error})") from None
    flags = read_help(asked.stdout)
    if not flags.choices:
        last = (asked.stderr.strip().splitlines() or ["it printed nothing"])[-1]
        raise InfrarayError(f"engine {engine}: not installed in {python} ({last[:200]})")
    return flags


def read_help(text: str) -> InstalledFlags:
    """The flags in what argparse prints, their opposites (``--no-``) left out."""
    choices: dict[str, tuple[str, ...]] = {}
    for match in _FLAG.finditer(text):
        listed = tuple(value.strip() for value in match[3].split(",")) if match[3] else ()
        for flag in re.findall(r"--([a-z][\w-]*)", match[1] + match[2]):
            if not flag.startswith("no-"):
                choices[flag] = listed
    return InstalledFlags(choices)
