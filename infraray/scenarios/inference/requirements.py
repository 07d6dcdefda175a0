"""The requirements of a task: a model, the engines, and the reference server."""

from __future__ import annotations

from pathlib import Path

from infraray.engines.requirements import problem
from infraray.errors import InfrarayError
from infraray.policy.trained import model_folder
from infraray.scenarios.inference.parameters import InferenceParameters
from infraray.scenarios.inference.proposals import complete
from infraray.scenarios.inference.setting import ENGINE


def missing_for(parameters: InferenceParameters) -> str | None:
    """What is missing, in one line with the fix; None if nothing is. Starts no engine."""
    if not Path(model_folder(parameters.model)).is_dir():
        return f"model={parameters.model!r}: no such folder; name a local one with a model in Hugging Face's format"
    setting = parameters.setting()
    chosen = [{ENGINE: name} if len(setting.engines) > 1 else {} for name in setting.engines]
    specs = [setting.engine_spec(complete(engine, setting.space)) for engine in chosen]
    try:
        setting.check_context()
        missing = [found for spec in (*specs, setting.reference_spec()) if (found := problem(spec))]
    except InfrarayError as error:
        return str(error).removeprefix("inference: ")
    return missing[0] if missing else None
