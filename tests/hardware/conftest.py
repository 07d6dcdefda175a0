"""A stand-in for the driver that knows the GPUs."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pynvml
import pytest

from infraray.hardware import gpus, machine


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Puts a stand-in in the place of NVIDIA's library: GPUs of (name, MiB or None, UUID), or an error of its own."""

    def forget() -> None:
        gpus.listed_gpus.cache_clear()
        machine.this_machine.cache_clear()

    def put(*found: tuple[str, int | None, str], error: int | None = None) -> None:
        def initialise() -> None:
            if error is not None:
                raise pynvml.NVMLError(error)

        def memory(index: int) -> SimpleNamespace:
            if found[index][1] is None:
                raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
            return SimpleNamespace(total=found[index][1] * 2**20)

        answers = {
            "Init": initialise,
            "Shutdown": lambda: None,
            "SystemGetDriverVersion": lambda: "580.65",
            "DeviceGetCount": lambda: len(found),
            "DeviceGetHandleByIndex": lambda index: index,
            "DeviceGetName": lambda index: found[index][0],
            "DeviceGetMemoryInfo": memory,
            "DeviceGetUUID": lambda index: found[index][2],
        }
        for name, answer in answers.items():
            monkeypatch.setattr(pynvml, f"nvml{name}", answer)
        forget()

    yield put
    forget()
