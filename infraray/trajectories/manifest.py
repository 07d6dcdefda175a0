"""``run.json``: what a run's folder says of itself, read with the suspicion that a user's file deserves."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr, ValidationError

from infraray.errors import InfrarayError, explain_validation
from infraray.trajectories.schema import SCHEMA_VERSION

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", strict=True)]


class _Part(BaseModel):
    """What readers rely on; what else is there belongs to who wrote it."""

    model_config = ConfigDict(extra="allow")


class _Score(_Part):
    name: StrictStr
    unit: StrictStr
    higher_is_better: StrictBool


class _SeedRange(_Part):
    start: StrictInt
    stop: StrictInt


class _Scenario(_Part):
    id: StrictStr | None = None
    scenario: StrictStr
    version: StrictInt
    parameters: dict[str, Any]
    options: dict[str, Any]
    level: StrictInt
    score: _Score
    agents: list[StrictStr]
    digests: dict[str, Digest]
    seeds: _SeedRange | list[StrictInt]
    repetitions: StrictInt
    owed_total: StrictInt
    task_description: StrictStr = ""
    available_actions: StrictStr = ""
    observation: list[dict[str, Any]] = []


class _Plan(_Part):
    imports: list[StrictStr] = []
    limits: dict[str, Any] = {}


class Manifest(_Part):
    """The shape of ``run.json``."""

    schema_version: StrictInt
    name: StrictStr
    infraray_version: StrictStr = "unknown"
    created_at: StrictStr = "unknown"
    scenarios: dict[str, _Scenario] = {}
    plan: _Plan = _Plan()


class BrokenManifest(InfrarayError):
    """A file that is no manifest, or no longer: the next run writes it anew."""


def read_manifest(path: Path) -> dict[str, Any]:
    """Reads a manifest; parts that no plan needs have a default.

    Raises:
        BrokenManifest: one line with the file and what is wrong with it.
        InfrarayError: it may not be read, or a later version of infraray wrote the folder.
    """
    try:
        found = json.loads(path.read_bytes().decode("utf-8-sig"))
    except IsADirectoryError:
        raise BrokenManifest(f"{path}: is a folder and no file; {MEND}") from None
    except OSError as error:
        raise InfrarayError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        raise BrokenManifest(f"{path}: is damaged ({' '.join(str(error).split())}); {MEND}") from None
    version = found.get("schema_version") if isinstance(found, dict) else None
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise InfrarayError(f"{path.parent}: was written with schema {version}; upgrade infraray")
    try:
        Manifest.model_validate(found)
    except ValidationError as error:
        raise BrokenManifest(f"{path}: is no run's: {explain_validation(error, Manifest)[0][1]}; {MEND}") from None
    scenarios = {
        label: {"id": "", "task_description": "", "available_actions": "", "observation": [], **entry}
        for label, entry in found.get("scenarios", {}).items()
    }
    return {"infraray_version": "unknown", "created_at": "unknown", **found, "scenarios": scenarios}


MEND = "run the same command again to write it anew"


def write_whole(path: Path, content: Mapping[str, Any]) -> None:
    """Writes JSON, whole or not at all."""
    temporary = path.with_name(f"{path.name}.tmp")
    temporary.write_text(json.dumps(content, indent=2) + "\n")
    os.replace(temporary, path)
