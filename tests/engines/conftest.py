"""What the tests with real engines share: the model and how vLLM serves it on a CPU."""

import subprocess
import sys
from pathlib import Path

import pytest

ENV = {
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "HF_HUB_OFFLINE": "1",
    # It changes from test to test, and what was imported in another environment serves nobody.
    "PYTEST_CURRENT_TEST": "",
}
"""Of vLLM on the CPU."""
FLAGS = {"max_model_len": 4096, "dtype": "float32", "enforce_eager": True}


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("model")
    subprocess.run([sys.executable, str(Path(__file__).with_name("tiny_model.py")), str(folder)], check=True)
    return str(folder)
