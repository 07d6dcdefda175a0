"""Why a configuration was not measured, and what went wrong in a run.

`FailureClass` classifies one launch by the engine's own reason, as `EngineProcess` gives it in one line. `FailureMode`
describes one run with the diagnostic labels of InferenceBench (appendix E.1, Table 14), of which a run may have
several. Both are determined by rules, without asking a model.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from infraray.scenarios.inference.scoring import SubmissionStatus
from infraray.scenarios.inference.setting import ENGINE


class FailureClass(StrEnum):
    """Why a launched configuration could not be measured."""

    RESOURCE_EXHAUSTED = "resource_exhausted"
    """Memory, disk or files ran out, or the cache is too small for one request."""
    INCOMPATIBLE_FLAGS = "incompatible_flags"
    """The engine rejects a flag, a value, or a combination on this model and device."""
    START_TIMEOUT = "start_timeout"
    """Not ready in time."""
    START_FAILED = "start_failed"
    """It ended before it was ready for another reason."""
    SERVER_DIED = "server_died"
    """It was ready but ended under load."""
    REQUESTS_FAILED = "requests_failed"
    """It runs, but requests fail."""


_EXHAUSTED = re.compile(
    r"out ?of ?memory|MemoryError|cannot allocate memory|failed to allocate|no available memory|not enough \w* ?memory"
    r"|insufficient (memory|resources)|(free|available) memory on|was memory short|no space left|too many open files"
    r"|KV cache is needed|larger than the available KV cache|exceeds? .{0,40}\bmemory\b",
    re.IGNORECASE,
)
_INCOMPATIBLE = re.compile(
    r"unrecognized argument|unexpected argument|invalid (choice|value|argument|int|float)|argument --?\w"
    r"|the following arguments|expected (one|at least one) argument|validation ?error|not supported|unsupported"
    r"|does ?n[o']t support|incompatible|not compatible|cannot be (used|combined|set|both|split)|mutually exclusive"
    r"|\bmust (be|not|have|match|divide|contain)|\bshould be\b|\brequires?\b|not ?implemented|only (supports?|works)"
    r"|(unknown|invalid|no valid) .{0,30}(backend|quantization|dtype|option)|not divisible|no common block size",
    re.IGNORECASE,
)


def classify(failure: str) -> FailureClass:
    """The class of a failure, from its one line.

    Exhausted resources are checked first, since engines add advice about flags when they report them.

    Args:
        failure: the reason given by `EngineProcess` or a measurement.
    """
    if _EXHAUSTED.search(failure):
        return FailureClass.RESOURCE_EXHAUSTED
    for kind, mark in (
        (FailureClass.START_TIMEOUT, r"not ready after"),
        (FailureClass.SERVER_DIED, r"the server died"),
        (FailureClass.REQUESTS_FAILED, r"requests? failed\b|no request succeeded"),
    ):
        if re.search(mark, failure):
            return kind
    return FailureClass.INCOMPATIBLE_FLAGS if _INCOMPATIBLE.search(failure) else FailureClass.START_FAILED


class FailureMode(StrEnum):
    """How a run fell short (InferenceBench, Table 14)."""

    FIRST_WORKING_CONFIG = "first_working_config"
    """It passed, with at most one set of flags beyond the defaults in the whole run."""
    QUALITY_GATE_FAILURE = "quality_gate_failure"
    """The quality check was complete, but the accuracy too low."""
    MULTI_VARIABLE_EDITS = "multi_variable_edits"
    """It failed a gate after three or more different sets of flags beyond the defaults."""
    INTEGRITY_TRIGGER = "integrity_trigger"
    """A check of the integrity gate found something; the judge does not count here."""
    SERVER_FAILED_TO_START = "server_failed_to_start"
    """There was no server for the final measurement, or it served nothing."""


@dataclass(frozen=True)
class RunTrace:
    """The parts of a run that determine its modes.

    Args:
        launches: of each launch, in order, the engine and the settings that are not its defaults.
        outcome: the status of the run.
        too_inaccurate: whether the quality check was complete and failed.
        integrity_findings: the number of integrity checks with a finding.
    """

    launches: Sequence[Mapping[str, Any]]
    outcome: SubmissionStatus
    too_inaccurate: bool
    integrity_findings: int


def failure_modes(run: RunTrace) -> frozenset[FailureMode]:
    """All modes of a run."""
    tuned = [
        launch
        for number, launch in enumerate(run.launches)
        if launch.keys() - {ENGINE} and launch not in run.launches[:number]
    ]
    gate_failed = run.outcome in (SubmissionStatus.QUALITY_FAILED, SubmissionStatus.INTEGRITY_FLAGGED)
    rules = {
        FailureMode.FIRST_WORKING_CONFIG: run.outcome is SubmissionStatus.PASSED and len(tuned) <= 1,
        FailureMode.QUALITY_GATE_FAILURE: run.too_inaccurate,
        FailureMode.MULTI_VARIABLE_EDITS: gate_failed and len(tuned) >= 3,
        FailureMode.INTEGRITY_TRIGGER: run.integrity_findings > 0,
        FailureMode.SERVER_FAILED_TO_START: run.outcome is SubmissionStatus.SERVER_FAILED,
    }
    return frozenset(mode for mode, holds in rules.items() if holds)
