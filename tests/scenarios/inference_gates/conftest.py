"""A small model that answers questions, a smaller one, and the reference server of the first."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infraray.engines import EngineSpec
from infraray.engines.process import EngineProcess
from tests.scenarios.inference_gates.inspection import Inspector

TRAIN = Path(__file__).parents[3] / "examples" / "answering_model.py"
QUESTIONS = 100


@pytest.fixture(scope="session")
def answering(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the model and its questions."""
    folder = tmp_path_factory.mktemp("answering")
    subprocess.run([sys.executable, str(TRAIN), str(folder)], check=True)
    return folder


@pytest.fixture(scope="session")
def smaller(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of half the width and one layer, with the same tokenizer."""
    folder = tmp_path_factory.mktemp("smaller")
    size = ["--hidden", "32", "--layers", "1", "--steps", "300"]
    subprocess.run([sys.executable, str(TRAIN), str(folder), *size], check=True)
    return folder / "model"


@pytest.fixture(scope="session")
def inspector(answering: Path) -> Iterator[Inspector]:
    """Whoever looks at servers of the answering model, beside its reference server."""
    model = str(answering / "model")
    reference = EngineProcess(EngineSpec(engine="transformers", model=model, flags={"dtype": "float32"}))
    try:
        reference.start()
        yield Inspector.beside(reference.url, answering, QUESTIONS)
    finally:
        reference.end()
        reference.remove_log()
