"""What a tokenizer leaves as it was."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from infraray.load.tokenizer import ModelTokenizer
from tests.load.tokenizers_on_the_spot import make_byte_level_bpe


def test_loading_a_tokenizer_leaves_the_environment_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load = AutoTokenizer.from_pretrained

    def setting(*given: Any, **options: Any) -> Any:
        # As PyTorch does where it is installed.
        monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "/tmp/torchinductor_root")
        return load(*given, **options)

    monkeypatch.setattr(AutoTokenizer, "from_pretrained", setting)
    before = dict(os.environ)
    assert ModelTokenizer(make_byte_level_bpe(tmp_path)).count_text("hello") > 0
    assert dict(os.environ) == before
