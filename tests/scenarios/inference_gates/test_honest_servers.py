"""vLLM is honest, whatever its flags: no check flags it, and it answers as well as the reference."""

from __future__ import annotations

from typing import Any

import pytest

from infraray.engines import EngineSpec
from infraray.engines.preloaded import PreloadedLauncher
from tests.engines.conftest import ENV
from tests.engines.started import started
from tests.scenarios.inference_gates.inspection import Inspector

pytestmark = [pytest.mark.engine, pytest.mark.alone, pytest.mark.timeout(1200)]

NGRAM = {"method": "ngram", "num_speculative_tokens": 5, "prompt_lookup_max": 4, "prompt_lookup_min": 2}


@pytest.mark.parametrize(
    "flags",
    [
        pytest.param({"dtype": "float32"}, id="default"),
        pytest.param(
            {
                "dtype": "bfloat16",
                "enable_prefix_caching": True,
                "max_num_batched_tokens": 512,
                "max_num_seqs": 16,
                "block_size": 32,
                "stream_interval": 2,
            },
            id="tuned",
        ),
        pytest.param({"dtype": "float32", "speculative_config": NGRAM}, id="speculative"),
        pytest.param({"dtype": "bfloat16", "kv_cache_dtype": "fp8"}, id="fp8 cache"),
    ],
)
def test_vllm_passes_both_gates(inspector: Inspector, preloaded: PreloadedLauncher, flags: dict[str, Any]) -> None:
    flags = {"max_model_len": 4096, "enforce_eager": True, **flags}
    spec = EngineSpec(engine="vllm", model=inspector.model, flags=flags, env=ENV, ready_timeout_s=300)
    with started(spec, preloaded) as process:
        quality = inspector.quality(process.url)
        assert quality.passed, quality.reason
        integrity = inspector.integrity(process.url, process.pid or 0)
        assert integrity.passed, integrity.reason
