"""``run.json``: what a run's folder says of itself, read with the suspicion that a user's file deserves."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr, ValidationError

from infraray.environment import Score
from infraray.errors import InfrarayError, explain_validation
from infraray.seeds import SeedRange
from infraray.version import SCHEMA_VERSION

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", strict=True)]

MEND = "run the same command again to write it anew"


class BrokenManifest(InfrarayError):
    """A file that is no manifest, or no longer: the next run writes it anew."""


class _Part(BaseModel):
    """What readers rely on; what else is there belongs to who wrote it."""

    model_config = ConfigDict(extra="allow", frozen=True)


class PlannedScenario(_Part):
    """One scenario of a run, with what its names were resolved to.

    Args:
        scenario: its name.
        version: its version.
        parameters: as plain data, defaults filled in, without secrets.
        options: the environment's options (`Environment.options`).
        level: the difficulty.
        score: what the score is called, its unit, and which way is better.
        agents: the specs of all who play it, in the plan's order.
        digests: by agent, that of the entry from which the identities of its episodes follow.
        seeds: of the tasks.
        repetitions: episodes of each agent on each task.
        owed_total: episodes that the plan asks for.
        id: its registered id.
        code: by agent, the hashes of the code (`Entry.code`).
        task_description: what the observations say of the system and the aim.
        available_actions: what they say of the actions.
        observation: the layout of the numeric observation, one mapping a field.
    """

    scenario: StrictStr
    version: StrictInt
    parameters: dict[str, Any]
    options: dict[str, Any]
    level: StrictInt
    score: Score
    agents: tuple[StrictStr, ...]
    digests: dict[str, Digest]
    seeds: SeedRange | tuple[StrictInt, ...]
    repetitions: StrictInt
    owed_total: StrictInt
    id: StrictStr = ""
    code: dict[str, dict[str, str]] = {}
    task_description: StrictStr = ""
    available_actions: StrictStr = ""
    observation: tuple[dict[str, Any], ...] = ()


class WrittenPlan(_Part):
    """The user's file as it was read, without secrets: these of its fields are read again."""

    imports: tuple[StrictStr, ...] = ()
    limits: dict[str, Any] = {}


class Manifest(_Part):
    """What ``run.json`` holds.

    Args:
        name: the run's.
        schema_version: of the folder's tables.
        infraray_version: of the installation that began the run.
        created_at: when that was, ISO 8601.
        plan: the user's file.
        scenarios: by label, in the plan's order.
        sessions: one for each start (`infraray.provenance`).
        rescored_from: the folder of the run whose answers were scored again; None where they were played.
        rescored_at: when that was.
    """

    name: StrictStr
    schema_version: StrictInt = SCHEMA_VERSION
    infraray_version: StrictStr = "unknown"
    created_at: StrictStr = "unknown"
    plan: WrittenPlan = WrittenPlan()
    scenarios: dict[str, PlannedScenario] = {}
    sessions: tuple[Any, ...] = ()
    rescored_from: str | None = None
    rescored_at: str | None = None

    @classmethod
    def load(cls, path: Path) -> Self:
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
            manifest = cls.model_validate(found)
        except ValidationError as error:
            raise BrokenManifest(f"{path}: is no run's: {explain_validation(error, cls)[0][1]}; {MEND}") from None
        if version is None:
            raise BrokenManifest(f"{path}: is no run's: schema_version: required and not given; {MEND}")
        return manifest

    def dump(self, path: Path) -> None:
        """Writes the manifest, whole or not at all.

        Raises:
            OSError: it cannot be written.
        """
        temporary = path.with_name(f"{path.name}.tmp")
        temporary.write_text(json.dumps(self.model_dump(mode="json"), indent=2) + "\n")
        os.replace(temporary, path)
