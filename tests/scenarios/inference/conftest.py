"""A bench whose engines are a small streaming server, and the scenario's parameters for it."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from infraray.engines.sglang import SgLang
from infraray.engines.transformers import Transformers
from infraray.hardware import device_lock
from infraray.scenarios.inference.bench import Bench
from infraray.scenarios.inference.parameters import InferenceParameters
from tests.load.tokenizers_on_the_spot import make_words

ROOT = Path(__file__).parents[3]
COMMAND = ("{python}", "-P", str(Path(__file__).with_name("streaming_engine.py")), "--port", "{port}")


@pytest.fixture
def parameters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> InferenceParameters:
    for kind in (SgLang, Transformers):
        monkeypatch.setattr(kind, "command", COMMAND)
        monkeypatch.setattr(kind, "preload", ("imports",))
        monkeypatch.setattr(kind, "caches", ("ENGINE_CACHE",))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    # Other benches may run on this machine.
    monkeypatch.setattr(device_lock, "_FOLDER", tmp_path / "temporary")
    (tmp_path / "model").mkdir()
    one_traffic = {
        "preset": "C-cpu",
        "num_requests": 4,
        "input_tokens": 20,
        "output_tokens": 4,
        "traffic": [{"concurrency": 2}],
    }
    given = {
        "model": str(make_words(tmp_path / "model")),
        "workload": one_traffic,
        "engines": ["sglang"],
        "env": {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests' / 'engines' / 'preloadable'}", "ENGINE_CACHE": "kept"},
        "folder": str(tmp_path / "figures"),
        "ready_timeout_s": 60.0,
    }
    return InferenceParameters.parse("inference", given)


@pytest.fixture
def open_parameters(parameters: InferenceParameters, monkeypatch: pytest.MonkeyPatch) -> Iterator[InferenceParameters]:
    """The same where sandboxes get in: root's are another user's, who does not get into pytest's folders."""
    monkeypatch.setattr(tempfile, "tempdir", None)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        model = shutil.copytree(parameters.model, Path(folder) / "model")
        yield parameters.model_copy(update={"model": str(model)})


@pytest.fixture
def bench(parameters: InferenceParameters) -> Iterator[Bench]:
    made = Bench(parameters.setting())
    yield made
    made.close()
