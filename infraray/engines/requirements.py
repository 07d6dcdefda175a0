"""Requirements: what has to be installed before an engine can be started."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache

from infraray.engines.spec import EngineSpec
from infraray.errors import InfrarayError

_FIND = "import importlib.util, sys; print(*(name for name in sys.argv[1:] if not importlib.util.find_spec(name)))"


def problem(spec: EngineSpec) -> str | None:
    """What an engine lacks here, in one line that says what to do; None if nothing. Starts no engine.

    Raises:
        InfrarayError: its interpreter cannot be run.
    """
    kind = spec.kind
    if spec.command or not kind.command:
        return None
    program = kind.command[0]
    if program != "{python}":
        installed = f"; {kind.install}" if kind.install else "; install it"
        return None if shutil.which(program) else f"{spec.engine}: {program} is not on the PATH{installed}"
    lacking = _not_importable(spec.python, kind.modules)
    if not lacking:
        return None
    installed = f"{kind.install}, or " if kind.install else ""
    return (
        f"{' and '.join(lacking)} not installed for {spec.python}, and needed by {spec.engine}; {installed}"
        f"name the interpreter that has it: python: {{{spec.name}: PATH}}"
    )


@cache
def _not_importable(python: str, modules: tuple[str, ...]) -> list[str]:
    """The modules that an interpreter lacks.

    Raises:
        InfrarayError: the interpreter cannot be run.
    """
    try:
        asked = subprocess.run([python, "-c", _FIND, *modules], capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise InfrarayError(f"python={python!r}: cannot be run ({error})") from None
    return asked.stdout.split()
