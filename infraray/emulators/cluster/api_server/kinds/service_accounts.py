"""core/v1 ServiceAccount."""

from __future__ import annotations

from ..columns import AGE, NAME
from ..kind import Column, Kind

KIND = Kind(
    group="",
    name="ServiceAccount",
    plural="serviceaccounts",
    singular="serviceaccount",
    short_names=("sa",),
    package="io.k8s.api.core.v1",
    columns=(NAME, Column("Secrets", lambda given: len(given.get("secrets", [])), type="integer"), AGE),
)
