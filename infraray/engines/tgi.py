"""Text Generation Inference: a program on the PATH, not a Python package; for a container, the user gives the command.

``tgi-paper`` is the space of InferenceBench (appendix B.4): 324,000 combinations, of which 311,040 have a batch that
holds a prefill.
"""

from __future__ import annotations

from typing import Any

from infraray.engines.kind import EngineKind
from infraray.engines.launch_space import LaunchSpace, plain_flags
from infraray.space import Categorical, Configuration, ForbiddenAbove, Ordinal, SearchSpace


def _flags(configuration: Configuration) -> dict[str, Any]:
    return {name: value for name, value in plain_flags(configuration).items() if value != "none"}


def _paper(max_tokens: int) -> SearchSpace:
    return SearchSpace(
        "tgi-paper",
        1,
        (
            Ordinal("max_concurrent_requests", (16, 32, 64, 128, 256), default=128),
            Ordinal("max_batch_prefill_tokens", (1024, 2048, 4096, 8192, 16384), default=4096),
            Ordinal("max_batch_total_tokens", (8192, 16384, 32768, 65536, 131072), default=32768),
            Ordinal("max_waiting_tokens", (20, 100, 500), default=20),
            Categorical("cuda_graphs", ("0", "1,2,4,8,16", "1,2,4,8,16,32"), default="1,2,4,8,16,32"),
            Categorical("quantize", ("none", "bitsandbytes", "gptq", "awq", "eetq", "fp8"), default="none"),
            Ordinal("cuda_memory_fraction", (0.85, 0.9, 0.95, 1.0), default=1.0),
            Ordinal("waiting_served_ratio", (0.3, 1.2, 2.0), default=0.3),
            Categorical("max_batch_size", ("none", 16, 32, 64), default="none"),
        ),
        (ForbiddenAbove("max_batch_prefill_tokens", "max_batch_total_tokens", "a prefill is part of the batch"),),
    )


class Tgi(EngineKind):
    """Text Generation Inference, by its launcher."""

    command = ("text-generation-launcher", "--model-id", "{model}", "--hostname", "{host}", "--port", "{port}")
    context_flags = ("max-total-tokens",)
    gpu_flags = (("num-shard",),)
    symptoms = (r"ShardCannotStart", r"Shard \d+ failed to start", r"WebserverFailed")
    ignores_eos = False
    launch_spaces = (LaunchSpace("paper", "3.3", _paper, _flags),)
