"""A limit that cannot be kept is refused when it is given."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any, cast

import pytest

from infraray.errors import InfrarayError
from infraray.isolation import Limits


@pytest.mark.parametrize("name", [field.name for field in fields(Limits)])
@pytest.mark.parametrize("value", [0, -1, math.inf, math.nan, "many", None, True])
def test_impossible_limit_is_named(name: str, value: Any) -> None:
    with pytest.raises(InfrarayError, match=rf"^{name}={value!r}: give "):
        Limits(**{name: value})


@pytest.mark.parametrize("name", [field.name for field in fields(Limits) if field.type == "int"])
def test_counts_and_bytes_are_whole(name: str) -> None:
    with pytest.raises(InfrarayError, match="a whole number"):
        Limits(**{name: cast(Any, 1e9)})


def test_equal_limits_are_equal_values() -> None:
    assert Limits(wall_s=3) == Limits(wall_s=3.0) and hash(Limits()) == hash(Limits())
