"""A stand-in for the program that knows the GPUs."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infraray.hardware import machine


@pytest.fixture
def nvidia_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Puts a stand-in in the place of nvidia-smi, which prints a text and ends with a status."""

    def forget() -> None:
        machine.listed_gpus.cache_clear()
        machine.this_machine.cache_clear()

    def put(printed: str, status: int = 0) -> None:
        program = tmp_path / "nvidia-smi"
        program.write_text(f"#!{sys.executable}\nprint({printed!r}, end='')\nraise SystemExit({status})")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        forget()

    yield put
    forget()
