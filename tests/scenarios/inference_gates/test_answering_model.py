"""The small model knows the answers, and what is done to it costs accuracy."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infraray.engines import EngineSpec
from infraray.engines.preloaded import PreloadedLauncher
from infraray.scenarios.inference.quality import QualityResult, QuizAnswers
from tests.engines.conftest import ENV
from tests.engines.started import started
from tests.scenarios.inference_gates.inspection import Inspector

pytestmark = [pytest.mark.engine, pytest.mark.alone, pytest.mark.timeout(1200)]


def test_it_answers_its_questions(inspector: Inspector) -> None:
    assert inspector.reference_answers.accuracy >= 0.9
    assert inspector.reference_answers.levels["stated"] >= 90


def ask(inspector: Inspector, spec: EngineSpec, preloaded: PreloadedLauncher) -> QuizAnswers:
    with started(spec, preloaded) as process:
        return inspector.quiz.ask(process.url, spec.model)


# A model that knows nothing talks on to the end, which vLLM does for all questions at once.
@pytest.mark.parametrize(("levels", "engine", "passes"), [(255, "transformers", True), (3, "vllm", False)])
def test_weights_of_eight_bits_pass_and_of_two_bits_do_not(
    inspector: Inspector, preloaded: PreloadedLauncher, tmp_path: Path, levels: int, engine: str, passes: bool
) -> None:
    """Rounded to so many levels, each row by its largest weight."""
    folder = tmp_path / "rounded"
    shutil.copytree(inspector.model, folder)
    rewrite(folder, lambda weight: round_to(weight, levels))
    env = ENV if engine == "vllm" else {}
    spec = EngineSpec(engine=engine, model=str(folder), flags={"dtype": "float32"}, env=env)
    result = QualityResult(ask(inspector, spec, preloaded), inspector.reference_answers)
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
