"""What of a launch an agent chose, whether it named a configuration or wrote a launcher."""

import re
from pathlib import Path
from typing import Any

import pytest

from infraray.scenarios.inference.launched import TECHNIQUES, launched
from infraray.scenarios.inference.parameters import InferenceParameters


@pytest.fixture
def parameters(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "config.json").write_text('{"max_position_embeddings": 8192}')
    return {"model": str(tmp_path), "engines": ["vllm-paper"]}


def test_configuration_is_told_apart_from_the_defaults(parameters: dict[str, Any]) -> None:
    default = InferenceParameters.parse("inference", parameters).setting().space.default
    assert launched({"trial": {"configuration": default}}, parameters) == {"engine": "vllm-paper"}
    tried = launched({"trial": {"configuration": {**default, "quantization": "fp8"}}}, parameters)
    assert tried == {"engine": "vllm-paper", "quantization": "fp8"}


@pytest.mark.parametrize(
    ("launcher", "processes", "tried"),
    [
        (
            "exec python -m vllm.api_server --model /m --port 8000",
            [
                "sh start_server.sh",
                "python -m vllm.entrypoints.openai.api_server --model /m --port 8000 --max-num-seqs=64",
            ],
            {"max_num_seqs": "64"},
        ),
        (
            "vllm serve /m --enforce-eager \\\n  --kv-cache-dtype fp8",
            [],
            {"enforce_eager": "", "kv_cache_dtype": "fp8"},
        ),
        ("python my_server.py", ["python my_server.py"], {"launcher": "python my_server.py"}),
        ("", [], {"launcher": ""}),
    ],
)
def test_launcher_is_told_by_the_flags_of_what_runs(launcher: str, processes: list[str], tried: dict[str, str]) -> None:
    found = launched({"launch": {"launcher": launcher, "processes": processes}, "trial": {"configuration": {}}}, {})
    assert found == tried


def test_step_that_launches_nothing_tells_nothing() -> None:
    assert launched({}, {}) is None
    assert launched({"trial": {"configuration": {}, "server": "start_server.sh"}}, {}) is None


@pytest.mark.parametrize(
    ("said", "techniques"),
    [
        ("Let me quantize to FP8.", {"quantization"}),
        ("--enable-chunked-prefill and --enable-prefix-caching", {"chunked prefill", "prefix caching"}),
        ("An ngram speculative decoder, enforce_eager off", {"speculation", "eager mode"}),
        ("kv-cache-dtype fp8_e4m3, max_num_seqs 256", {"smaller cache", "batch limits"}),
        ("The server answers.", set()),
    ],
)
def test_techniques_are_known_by_their_words(said: str, techniques: set[str]) -> None:
    assert {name for name, one in TECHNIQUES.items() if re.search(one.named, said, re.IGNORECASE)} == techniques
