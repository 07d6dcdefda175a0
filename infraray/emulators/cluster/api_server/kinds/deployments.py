"""apps/v1 Deployment."""

from __future__ import annotations

import re

from ..columns import AGE, CONTAINERS, IMAGES, NAME, SELECTOR
from ..errors import FieldError, Object, forbidden_field, invalid
from ..kind import Column, Kind
from . import replica_sets
from .replica_sets import default_template


def default(given: Object) -> None:
    """Sets the defaults of the strategy and the template."""
    strategy = given["spec"]["strategy"]
    if strategy["type"] == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("maxSurge", "25%")
        rolling.setdefault("maxUnavailable", "25%")
    default_template(given)


def validate(given: Object) -> list[FieldError]:
    """Checks what replica sets have too, and the strategy."""
    errors = replica_sets.validate(given)
    spec = given["spec"]
    if spec.get("revisionHistoryLimit", 0) < 0:
        value = spec["revisionHistoryLimit"]
        errors.append(invalid("spec.revisionHistoryLimit", value, "must be greater than or equal to 0"))
    deadline = spec["progressDeadlineSeconds"]
    if deadline < 0:
        errors.append(invalid("spec.progressDeadlineSeconds", deadline, "must be greater than or equal to 0"))
    elif deadline <= spec.get("minReadySeconds", 0):
        errors.append(invalid("spec.progressDeadlineSeconds", deadline, "must be greater than minReadySeconds"))
    return errors + _validate_strategy(spec["strategy"])


def _validate_strategy(strategy: Object) -> list[FieldError]:
    path = "spec.strategy.rollingUpdate"
    rolling = strategy.get("rollingUpdate")
    if strategy["type"] == "Recreate" and rolling is not None:
        return [forbidden_field(path, "may not be specified when strategy `type` is 'Recreate'")]
    errors: list[FieldError] = []
    for name, value in (rolling or {}).items():
        if isinstance(value, str) and not re.fullmatch(r"\d+%", value):
            detail = "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%', or '93%')"
            errors.append(invalid(f"{path}.{name}", value, detail))
        elif isinstance(value, int) and value < 0:
            errors.append(invalid(f"{path}.{name}", value, "must be greater than or equal to 0"))
        elif name == "maxUnavailable" and isinstance(value, str) and int(value[:-1]) > 100:
            errors.append(invalid(f"{path}.{name}", value, "must not be greater than 100%"))
    if rolling and not errors and all(rolling.get(name) in (0, "0%") for name in ("maxSurge", "maxUnavailable")):
        value = rolling["maxUnavailable"]
        errors.append(invalid(f"{path}.maxUnavailable", value, "may not be 0 when `maxSurge` is 0"))
    return errors


def _ready(given: Object) -> str:
    return f"{given['status'].get('readyReplicas', 0)}/{given['spec'].get('replicas', 0)}"


KIND = Kind(
    group="apps",
    name="Deployment",
    plural="deployments",
    singular="deployment",
    short_names=("deploy",),
    categories=("all",),
    package="io.k8s.api.apps.v1",
    columns=(
        NAME,
        Column("Ready", _ready),
        Column("Up-to-date", lambda given: given["status"].get("updatedReplicas", 0), type="integer"),
        Column("Available", lambda given: given["status"].get("availableReplicas", 0), type="integer"),
        AGE,
        CONTAINERS,
        IMAGES,
        SELECTOR,
    ),
    subresources=("status", "scale"),
    default=default,
    validate=validate,
    validate_change=replica_sets.validate_change,
    spec_parts=("spec",),
)
