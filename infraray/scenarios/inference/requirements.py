"""What has to be there before a task can be played: a model, the engines, and the reference server."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from pathlib import Path

from infraray.engines import launchers
from infraray.engines.spec import EngineSpec
from infraray.errors import InfrarayError
from infraray.scenarios.inference.parameters import InferenceParameters
from infraray.scenarios.inference.proposals import complete
from infraray.scenarios.inference.setting import ENGINE

_MODULES = {"transformers": ("torch", "transformers"), "vllm": ("vllm",), "sglang": ("sglang",)}
"""What an interpreter must be able to import to start an engine; distributions have other names on some devices."""

_FIND = "import importlib.util, sys; print(*(name for name in sys.argv[1:] if not importlib.util.find_spec(name)))"


def missing_for(parameters: InferenceParameters) -> str | None:
    """What is missing, in one line that says what to do; None where nothing is. Starts no engine."""
    if not Path(parameters.model).is_dir():
        return f"model={parameters.model!r}: no such folder; name a local one with a model in Hugging Face's format"
    setting = parameters.setting()
    chosen = [{ENGINE: name} if len(setting.engines) > 1 else {} for name in setting.engines]
    specs = [setting.engine_spec(complete(engine, setting.space)) for engine in chosen]
    try:
        setting.check_context()
        missing = [problem for spec in (*specs, setting.reference_spec()) if (problem := _not_installed(spec))]
    except InfrarayError as error:
        return str(error).removeprefix("inference: ")
    return missing[0] if missing else None


def _not_installed(spec: EngineSpec) -> str | None:
    program = launchers()[spec.engine].command[0]
    if program != "{python}":
        return None if shutil.which(program) else f"{spec.engine}: {program} is not on the PATH; install it"
    lacking = _not_importable(spec.python, _MODULES[spec.engine])
    if not lacking:
        return None
    return (
        f"{' and '.join(lacking)} not installed for {spec.python}, and needed by {spec.engine}; pip install "
        f"'infraray[{spec.engine}]', or name the interpreter that has it: python: {{{spec.name}: PATH}}"
    )


@cache
def _not_importable(python: str, modules: tuple[str, ...]) -> list[str]:
    """Those of the modules that an interpreter does not have.

    Raises:
        InfrarayError: the interpreter cannot be run.
    """
    try:
        asked = subprocess.run([python, "-c", _FIND, *modules], capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise InfrarayError(f"python={python!r}: cannot be run ({error})") from None
    return asked.stdout.split()
