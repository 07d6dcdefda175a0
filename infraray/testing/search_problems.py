"""Spaces and functions for testing searchers, with the features of real ones on a small scale."""

from __future__ import annotations

import math

from infraray.space import Categorical, Configuration, Float, Forbidden, ForbiddenAbove, Int, Ordinal, SearchSpace

ENGINE = SearchSpace(
    "toy-engine",
    1,
    (
        Ordinal("max_num_seqs", (16, 64, 256, 1024), default=64),
        Ordinal("max_num_batched_tokens", (256, 2048, 8192), default=2048),
        Float("gpu_memory_utilization", 0.5, 0.95, default=0.9),
        Categorical("quantization", (None, "fp8"), default=None),
        Categorical("kv_cache_dtype", ("auto", "fp8"), default="auto", when={"quantization": ("fp8",)}),
        Categorical("speculative", (False, True), default=False),
        Int("num_speculative_tokens", 1, 9, step=2, default=5, when={"speculative": (True,)}),
        Float("acceptance", 0.001, 1.0, log=True, default=0.1, when={"num_speculative_tokens": (5, 7, 9)}),
    ),
    (
        Forbidden({"quantization": ("fp8",), "num_speculative_tokens": (9,)}, "out of memory"),
        ForbiddenAbove("max_num_seqs", "max_num_batched_tokens"),
    ),
)
"""A space with conditions two levels deep, both kinds of rules and every kind of dimension."""

BOWL = SearchSpace(
    "bowl",
    1,
    (Float("x", -5.0, 5.0, default=4.0), Float("y", 0.001, 1000.0, log=True, default=500.0)),
)

SWITCHES = SearchSpace(
    "switches",
    1,
    (Categorical("mode", ("slow", "fast"), default="slow"), Int("level", 0, 3, default=0)),
)
"""A space of eight configurations, so that a search exhausts it."""


def bowl(configuration: Configuration) -> float:
    """(x - 1)^2 + log10(y)^2: 0 at x = 1, y = 1."""
    x, y = configuration["x"], configuration["y"]
    assert isinstance(x, int | float) and isinstance(y, int | float)
    return float((x - 1) ** 2 + math.log10(y) ** 2)
