"""A model's generation_config.json changes no answer: what is not asked for is applied by no server."""

from __future__ import annotations

import json
import shutil
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from infraray.engines import EngineSpec
from infraray.engines.preloaded import PreloadedLauncher
from tests.engines.conftest import ENV, FLAGS
from tests.engines.started import started

pytestmark = [pytest.mark.engine, pytest.mark.timeout(400)]

PENALTIES = {"repetition_penalty": 1.9, "top_k": 2, "top_p": 0.3, "temperature": 1.7, "max_new_tokens": 3}


def say(spec: EngineSpec, preloaded: PreloadedLauncher | None = None) -> list[str]:
    """What a server answers to some prompts, greedily and with log-probabilities of what it samples."""
    with started(spec, preloaded) as process:
        return [ask(process.url, spec.served_model, text) for text in ("hello world", "one two three", "server 7")]


def ask(url: str, model: str, text: str) -> str:
    body: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": text}], "ignore_eos": True}
    body |= {"temperature": 0, "max_tokens": 24}
    request = urllib.request.Request(
        f"{url}/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        told: str = json.load(answer)["choices"][0]["message"]["content"]
    # At the end vLLM keeps half a character to itself.
    return told.rstrip("\ufffd")


def test_penalties_of_the_models_folder_are_applied_by_nobody(
    model: str, tmp_path: Path, preloaded: PreloadedLauncher
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(model, folder)
    config = folder / "generation_config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), **PENALTIES, "do_sample": True}))
    reference = {"engine": "transformers", "flags": {"dtype": "float32"}, "env": ENV}
    plain = say(EngineSpec.model_validate({**reference, "model": model}))
    assert all(plain)
    assert say(EngineSpec.model_validate({**reference, "model": str(folder)})) == plain
    vllm = EngineSpec(engine="vllm", model=str(folder), flags=FLAGS, env=ENV, ready_timeout_s=300)
    assert say(vllm, preloaded) == plain
