"""``run.json``: what a run's folder says about itself, read with the suspicion that a user's file deserves."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr, ValidationError

from infraray.environment import Environment, Score
from infraray.episodes.identity import Entry
from infraray.errors import InfrarayError, explain_validation, without_secrets
from infraray.registration import Registration
from infraray.seeds import SeedRange
from infraray.user_code import guarded
from infraray.version import SCHEMA_VERSION

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", strict=True)]

FIX = "run the same command again to rewrite it"


class BrokenManifest(InfrarayError):
    """A file that is not a manifest, or no longer one: the next run rewrites it."""


class _Part(BaseModel):
    """The fields that readers rely on; any others belong to whoever wrote them."""

    model_config = ConfigDict(extra="allow", frozen=True)


class PlannedScenario(_Part):
    """One scenario of a run, with what its names were resolved to.

    Args:
        scenario: its name.
        version: its version.
        parameters: as plain data, defaults filled in, without secrets.
        options: the environment's options (`Environment.options`).
        level: the difficulty.
        score: the score's name, its unit, and which way is better.
        agents: the specs of all who play it, in the plan's order.
        digests: by agent, the digest of its entry, from which the identities of its episodes follow.
        seeds: the tasks' seeds.
        repetitions: episodes of each agent on each task.
        owed_total: episodes that the plan asks for.
        id: its registered id.
        code: by agent, the hashes of the code (`Entry.code`).
        task_description: what the observations say about the system and the aim.
        available_actions: what they say about the actions.
        observation: the layout of the numeric observation, one mapping per field.
        of_search: whether its episodes are a study's trials, which come before the comparison that counts, or those of
            a probe, which has a report of its own.
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
    of_search: bool = False

    @classmethod
    def of(
        cls,
        registration: Registration,
        environment: Environment,
        entries: Sequence[Entry],
        seeds: SeedRange | tuple[int, ...],
        repetitions: int = 1,
        score: Score | None = None,
    ) -> Self:
        """A scenario as it is planned.

        Args:
            registration: the scenario's.
            environment: the one in which it is played.
            entries: those of all who play it, in the plan's order.
            seeds: the tasks' seeds.
            repetitions: see above.
            score: what is measured, if not the environment's own score.

        Raises:
            InfrarayError: the scenario describes itself with something that cannot be written.
        """
        with guarded(f"scenario {registration.name}"):
            described = cls(
                scenario=registration.name,
                id=registration.id,
                version=registration.version,
                parameters=without_secrets(environment.parameters.model_dump(mode="json")),
                options=environment.options(),
                level=environment.level,
                score=score or environment.score,
                task_description=environment.task_description,
                available_actions=environment.available_actions,
                observation=tuple(environment.layout.describe()),
                agents=tuple(entry.agent for entry in entries),
                digests={entry.agent: entry.digest.hex() for entry in entries},
                code={entry.agent: dict(entry.code) for entry in entries},
                seeds=seeds,
                repetitions=repetitions,
                owed_total=len(seeds) * repetitions * len(entries),
            )
            json.dumps(described.model_dump(mode="json"), ensure_ascii=False).encode()
        return described


class WrittenPlan(_Part):
    """The user's file as it was read, without secrets: the fields that are read again."""

    imports: tuple[StrictStr, ...] = ()
    limits: dict[str, Any] = {}


class StudyRecord(_Part):
    """What a study searches, and by which measure.

    Args:
        searcher: its name.
        against: specs of the agents that the best configuration is compared with.
        objective: the objective's identity.
        space: the search space (`SearchSpace.to_json`).
        imports: the user's files, as {path: SHA-256}.
        budget_unit: what a trial's budget counts.
        max_budget: the budget of a full measurement.
        gated: see `infraray.tune.Objective.gated`.
        answered: see `infraray.tune.Objective.answered`.
        seeds: the development seeds.
    """

    searcher: StrictStr
    against: tuple[StrictStr, ...]
    objective: dict[str, Any]
    space: dict[str, Any]
    imports: dict[str, str]
    budget_unit: StrictStr
    max_budget: StrictInt
    gated: bool
    answered: bool
    seeds: tuple[StrictInt, ...]


class ProbeRecord(_Part):
    """What a probe asks.

    Args:
        scenario: the scenario's name.
        agents: the specs of those that are probed.
    """

    scenario: StrictStr
    agents: tuple[StrictStr, ...]


class Manifest(_Part):
    """The content of ``run.json``.

    Args:
        name: the run's.
        schema_version: the version of the folder's tables.
        infraray_version: the version that began the run.
        created_at: when that was, ISO 8601.
        plan: the user's file.
        scenarios: by label, in the plan's order; those that a study's journal adds are not written here.
        sessions: one for each start (`infraray.provenance`).
        study: what a study searches; None for a run.
        probe: what a probe asks; None for a run.
        rescored_from: the folder of the run whose answers were scored again; None if they were played.
        rescored_at: when that was.
    """

    name: StrictStr
    schema_version: StrictInt = SCHEMA_VERSION
    infraray_version: StrictStr = "unknown"
    created_at: StrictStr = "unknown"
    plan: WrittenPlan = WrittenPlan()
    scenarios: dict[str, PlannedScenario] = {}
    sessions: tuple[Any, ...] = ()
    study: StudyRecord | None = None
    probe: ProbeRecord | None = None
    rescored_from: str | None = None
    rescored_at: str | None = None

    @classmethod
    def load(cls, path: Path) -> Self:
        """Reads a manifest; parts that not every plan needs have a default.

        Raises:
            BrokenManifest: one line with the file and what is wrong with it.
            InfrarayError: it may not be read, or a later version of infraray wrote the folder.
        """
        try:
            found = json.loads(path.read_bytes().decode("utf-8-sig"))
        except IsADirectoryError:
            raise BrokenManifest(f"{path}: is a folder, not a file; {FIX}") from None
        except OSError as error:
            raise InfrarayError(f"{path}: cannot be read ({error.strerror})") from None
        except (ValueError, RecursionError) as error:
            raise BrokenManifest(f"{path}: is damaged ({' '.join(str(error).split())}); {FIX}") from None
        version = found.get("schema_version") if isinstance(found, dict) else None
        if isinstance(version, int) and version > SCHEMA_VERSION:
            raise InfrarayError(f"{path.parent}: was written with schema {version}; upgrade infraray")
        try:
            manifest = cls.model_validate(found)
        except ValidationError as error:
            raise BrokenManifest(f"{path}: is not a run's: {explain_validation(error, cls)[0][1]}; {FIX}") from None
        if version is None:
            raise BrokenManifest(f"{path}: is not a run's: schema_version: required and not given; {FIX}")
        return manifest

    def dump(self, path: Path) -> None:
        """Writes the manifest atomically.

        Raises:
            OSError: it cannot be written.
        """
        temporary = path.with_name(f"{path.name}.tmp")
        temporary.write_text(json.dumps(self.model_dump(mode="json"), indent=2) + "\n")
        os.replace(temporary, path)
