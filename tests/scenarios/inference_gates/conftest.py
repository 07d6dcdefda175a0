"""A smaller model than the one that answers questions, and the reference server of that one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenarios.inference_gates.inspect_cheats import QUESTIONS, reference_of
from tests.scenarios.inference_gates.inspection import Inspector

TRAIN = Path(__file__).parents[3] / "examples" / "answering_model.py"


@pytest.fixture(scope="session")
def smaller(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of half the width and one layer, with the same tokenizer, which talks as readily as the larger one."""
    folder = tmp_path_factory.mktemp("smaller")
    less = ["--hidden", "32", "--layers", "1", "--steps", "300", "--questions-only"]
    subprocess.run([sys.executable, str(TRAIN), str(folder), *less], check=True)
    return folder / "model"


@pytest.fixture(scope="session")
def inspector(answering_model: Path) -> Iterator[Inspector]:
    """Whoever looks at servers of the answering model, beside its reference server."""
    with reference_of(str(answering_model / "model")) as reference:
        yield Inspector.beside(reference.url, answering_model, QUESTIONS)
