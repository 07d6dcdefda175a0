"""The small model knows the answers, and what is done to it costs accuracy."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infraray.engines import EngineSpec
from infraray.engines.process import EngineProcess
from infraray.scenarios.inference.quality import Answers, QualityResult
from tests.scenarios.inference_gates.inspection import Inspector

pytestmark = [pytest.mark.engine, pytest.mark.timeout(1200)]


def test_it_answers_its_questions(inspector: Inspector) -> None:
    assert inspector.reference_answers.accuracy >= 0.9
    assert inspector.reference_answers.levels["stated"] >= 90


def ask(inspector: Inspector, folder: Path) -> Answers:
    process = EngineProcess(EngineSpec(engine="transformers", model=str(folder), flags={"dtype": "float32"}))
    try:
        process.start()
        return inspector.quiz.ask(process.url, str(folder))
    finally:
        process.end()
        process.remove_log()


@pytest.mark.parametrize(("levels", "passes"), [(255, True), (3, False)])
def test_weights_of_eight_bits_pass_and_of_two_bits_do_not(
    inspector: Inspector, tmp_path: Path, levels: int, passes: bool
) -> None:
    """Rounded to so many levels, each row by its largest weight."""
    folder = tmp_path / "rounded"
    shutil.copytree(inspector.model, folder)
    rewrite(folder, lambda weight: round_to(weight, levels))
    result = QualityResult(ask(inspector, folder), inspector.reference_answers)
    assert result.passed == passes, result.reason
    assert passes or result.too_inaccurate


def rewrite(folder: Path, change: Callable[[Any], Any]) -> None:
    from safetensors.torch import load_file, save_file

    path = folder / "model.safetensors"
    weights = {name: change(weight).contiguous() for name, weight in load_file(path).items()}
    save_file(weights, path, {"format": "pt"})


def round_to(weight: Any, levels: int) -> Any:
    if weight.ndim != 2:
        return weight
    step = weight.abs().amax(1, keepdim=True) * 2 / (levels - 1)
    return (weight / step).round() * step
