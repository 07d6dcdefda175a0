"""vLLM, by its module: the console script of the CPU distribution looks for another name and fails.

Launch spaces: ``vllm-paper`` is that of InferenceBench (appendix B.4): 92,160 combinations, all of them valid up
to a context of 1,024 tokens; a longer one does not fit every batch uncut, and beyond 16,384 tokens
46,080 are left. ``vllm`` is wider, names what came since, and has the engine's own default (null)
everywhere. ``vllm-cpu`` is what of it has a meaning on a CPU.
"""

from __future__ import annotations

import re
from typing import Any

from infraray.engines.kind import EngineKind
from infraray.engines.launch_space import LaunchSpace, plain_flags
from infraray.space import Categorical, Configuration, Forbidden, Ordinal, SearchSpace

_MULTIPLES = {"k": 10**3, "m": 10**6, "g": 10**9, "K": 2**10, "M": 2**20, "G": 2**30}
"""As it reads ``8k`` and ``8K``."""

_SPECULATED = (0, 2, 3, 5, 7, 10)
_NOT_ASYNCHRONOUS = Forbidden(
    {"async_scheduling": (True,), "num_speculative_tokens": _SPECULATED[1:]},
    "n-grams that are looked up on the CPU are not scheduled asynchronously",
)
_UNCHUNKED = "without chunks a batch must hold a whole prompt"


def _flags(configuration: Configuration) -> dict[str, Any]:
    """Speculation is one flag with JSON: n-grams that are looked up in the prompt."""
    flags = plain_flags(configuration)
    tokens = flags.pop("num_speculative_tokens", 0)
    if flags.get("quantization") == "none":
        del flags["quantization"]
    if tokens:
        flags["speculative_config"] = {
            "method": "ngram",
            "num_speculative_tokens": tokens,
            "prompt_lookup_min": 2,
            "prompt_lookup_max": 4,
        }
    return flags


def _too_small_for(max_tokens: int, sizes: tuple[int, ...]) -> tuple[Forbidden, ...]:
    """Batches that cannot hold a prompt that must stay whole."""
    short = tuple(size for size in sizes if size < max_tokens)
    if not short:
        return ()
    return (Forbidden({"enable_chunked_prefill": (False,), "max_num_batched_tokens": short}, _UNCHUNKED),)


def _paper(max_tokens: int) -> SearchSpace:
    batches = (1024, 2048, 4096, 8192, 16384)
    return SearchSpace(
        "vllm-paper",
        1,
        (
            Ordinal("max_num_seqs", (16, 32, 64, 128, 256, 512), default=256),
            Ordinal("max_num_batched_tokens", batches, default=8192 if max_tokens <= 8192 else 16384),
            Ordinal("gpu_memory_utilization", (0.80, 0.85, 0.90, 0.95), default=0.90),
            Ordinal("block_size", (16, 32), default=16),
            Categorical("enable_chunked_prefill", (False, True), default=True),
            Categorical("enable_prefix_caching", (False, True), default=True),
            Categorical("enforce_eager", (False, True), default=False),
            Categorical("quantization", ("none", "fp8"), default="none"),
            Categorical("kv_cache_dtype", ("auto", "fp8"), default="auto"),
            Categorical("attention_backend", ("FLASH_ATTN", "FLASHINFER", "TRITON_ATTN"), default="FLASH_ATTN"),
            Ordinal("num_speculative_tokens", (0, 3, 5, 7), default=0),
        ),
        _too_small_for(max_tokens, batches),
    )


def _wide(max_tokens: int) -> SearchSpace:
    batches = (2048, 4096, 8192, 16384, 32768)
    return SearchSpace(
        "vllm",
        1,
        (
            Ordinal("max_num_seqs", (None, 16, 32, 64, 128, 256, 512, 1024), default=None),
            Ordinal("max_num_batched_tokens", (None, *batches), default=None),
            Ordinal("gpu_memory_utilization", (None, 0.80, 0.85, 0.90, 0.95), default=None),
            Categorical("enable_chunked_prefill", (None, False), default=None),
            Categorical("enable_prefix_caching", (None, False), default=None),
            Categorical("enforce_eager", (None, True), default=None),
            Categorical("quantization", (None, "fp8"), default=None),
            Categorical("kv_cache_dtype", (None, "fp8"), default=None),
            Categorical("attention_backend", (None, "FLASH_ATTN", "TRITON_ATTN"), default=None),
            Ordinal("num_speculative_tokens", _SPECULATED, default=0),
            Categorical("async_scheduling", (None, True, False), default=None),
            Ordinal("stream_interval", (None, 2, 4, 8), default=None),
        ),
        (_NOT_ASYNCHRONOUS, *_too_small_for(max_tokens, batches)),
    )


def _cpu(max_tokens: int) -> SearchSpace:
    batches = (512, 1024, 2048, 4096, 8192)
    return SearchSpace(
        "vllm-cpu",
        1,
        (
            Ordinal("max_num_seqs", (None, 2, 4, 8, 16, 32, 64), default=None),
            Ordinal("max_num_batched_tokens", (None, *batches), default=None),
            Categorical("enable_chunked_prefill", (None, False), default=None),
            Categorical("enable_prefix_caching", (None, False), default=None),
            Categorical("enforce_eager", (None, True), default=None),
            Categorical("dtype", (None, "float32", "bfloat16"), default=None),
            Ordinal("num_speculative_tokens", (0, 2, 3, 5, 7), default=0),
            Ordinal("stream_interval", (None, 4, 16), default=None),
        ),
        _too_small_for(max_tokens, batches),
    )


class Vllm(EngineKind):
    """vLLM's OpenAI-compatible server."""

    command = (
        *("{python}", "-m", "vllm.entrypoints.openai.api_server"),
        *("--model", "{model}", "--host", "{host}", "--port", "{port}"),
        # Unset parameters keep neutral defaults: no penalty, top-p or length from the model's generation_config.json.
        *("--generation-config", "vllm"),
    )
    help_flag = "--help=all"
    false_flag = "--no-{flag}"
    name_flag = "served-model-name"
    context_flags = ("max-model-len",)
    gpu_flags = (("tensor-parallel-size", "tp-size", "tp"), ("pipeline-parallel-size", "pp-size", "pp"))
    symptoms = (
        r"Engine core initialization failed",
        r"Engine core proc \S+ died",
        r"WorkerProc initialization failed",
        r"cancelled|CancelledError",
        r"EngineDeadError",
    )
    modules = ("vllm",)
    packages = ("vllm", "torch")
    install = "pip install 'infraray[vllm]'"
    preload = (
        "vllm.entrypoints.openai.api_server",
        "vllm.v1.engine.async_llm",
        "vllm.v1.engine.core",
        "vllm.v1.executor.multiproc_executor",
        "vllm.v1.executor.uniproc_executor",
        "vllm.v1.worker.gpu_worker",
        "vllm.v1.worker.gpu_model_runner",
        "vllm.model_executor.model_loader",
        "vllm.model_executor.models.transformers",
        "torch._inductor.compile_fx",
    )
    read_late = ("VLLM_",)
    caches = ("VLLM_CACHE_ROOT", "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR")
    launch_spaces = (
        LaunchSpace("", "0.24 and later", _wide, _flags),
        LaunchSpace("paper", "0.11 and later", _paper, _flags),
        LaunchSpace("cpu", "0.24 and later, on a CPU", _cpu, _flags),
    )

    def read_tokens(self, value: Any) -> int | None:
        """Takes multiples as well, such as ``8k``."""
        said = re.fullmatch(r"(\d+(?:\.\d+)?)([kmgKMG]?)", str(value).strip())
        return None if said is None else int(float(said[1]) * _MULTIPLES.get(said[2], 1)) or None
