"""SGLang. Its switches are on or absent; a flag that is False is left out.

``sglang-paper`` is the space of InferenceBench (appendix B.4), 90 configurations; ``sglang`` is wider.
"""

from __future__ import annotations

from typing import Any

from infraray.engines.kind import EngineKind
from infraray.engines.launch_space import LaunchSpace, plain_flags
from infraray.space import Categorical, Configuration, Ordinal, SearchSpace


def _flags(configuration: Configuration) -> dict[str, Any]:
    """Its switches have no opposite: a flag that is false is left out."""
    return {name: value for name, value in plain_flags(configuration).items() if value is not False}


def _paper(max_tokens: int) -> SearchSpace:
    return SearchSpace(
        "sglang-paper",
        1,
        (
            Ordinal("max_running_requests", (16, 32, 64, 128, 256), default=256),
            Ordinal("chunked_prefill_size", (2048, 4096, 8192), default=8192),
            Ordinal("mem_fraction_static", (0.80, 0.85, 0.90), default=0.85),
            Categorical("schedule_policy", ("fcfs", "lpm"), default="fcfs"),
        ),
    )


def _wide(max_tokens: int) -> SearchSpace:
    return SearchSpace(
        "sglang",
        1,
        (
            Ordinal("max_running_requests", (None, 16, 32, 64, 128, 256, 512), default=None),
            Ordinal("chunked_prefill_size", (None, 2048, 4096, 8192, 16384), default=None),
            Ordinal("mem_fraction_static", (None, 0.80, 0.85, 0.90), default=None),
            Categorical("schedule_policy", (None, "fcfs", "lpm"), default=None),
            Categorical("quantization", (None, "fp8"), default=None),
            Categorical("kv_cache_dtype", (None, "fp8_e5m2"), default=None),
            Categorical("attention_backend", (None, "fa3", "flashinfer", "triton"), default=None),
            Categorical("disable_radix_cache", (False, True), default=False),
            Ordinal("stream_interval", (None, 2, 4, 8), default=None),
        ),
    )


class SgLang(EngineKind):
    """SGLang, by its module."""

    command = (
        *("{python}", "-m", "sglang.launch_server"),
        *("--model-path", "{model}", "--host", "{host}", "--port", "{port}"),
        # Unset parameters keep neutral defaults: no penalty or top-p from the model's generation_config.json.
        *("--sampling-defaults", "openai"),
    )
    name_flag = "served-model-name"
    context_flags = ("context-length",)
    gpu_flags = (("tensor-parallel-size", "tp-size", "tp"), ("pipeline-parallel-size", "pp-size", "pp"))
    symptoms = (
        r"Rank \d+ scheduler is dead",
        r"EOFError",
        r"Initialization failed\. Please see the error messages above",
        r"BrokenPipeError",
    )
    modules = ("sglang",)
    packages = ("sglang", "torch")
    install = "pip install 'infraray[sglang]'"
    read_late = ("SGLANG_",)
    caches = ("SGLANG_CACHE_DIR", "SGLANG_DG_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR")
    launch_spaces = (LaunchSpace("paper", "0.5", _paper, _flags), LaunchSpace("", "0.5", _wide, _flags))
