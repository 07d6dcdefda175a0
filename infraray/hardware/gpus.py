"""The GPUs of this machine as reported by NVIDIA's driver through its library. Needs ``infraray[inference]``."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from infraray.errors import InfrarayError

_DRIVER = Path("/proc/driver/nvidia/version")
"""Exists if the driver is loaded."""


@dataclass(frozen=True)
class Gpu:
    """A GPU as the driver describes it.

    Args:
        name: its name.
        memory_mib: its own memory; 0 if it shares the machine's.
        uuid: its identifier, independent of CUDA_VISIBLE_DEVICES.
        driver: the driver's version.
    """

    name: str
    memory_mib: float
    uuid: str
    driver: str


@cache
def listed_gpus() -> tuple[Gpu, ...]:
    """All GPUs of this machine, in PCI bus order; empty if there is no driver or it reports none.

    Raises:
        InfrarayError: there is a driver but no way to query it.
    """
    try:
        import pynvml
    except ImportError:
        if _DRIVER.exists():
            raise InfrarayError("GPUs: nvidia-ml-py is not installed; run pip install 'infraray[inference]'") from None
        return ()
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return ()
    try:
        driver = pynvml.nvmlSystemGetDriverVersion()
        handles = map(pynvml.nvmlDeviceGetHandleByIndex, range(pynvml.nvmlDeviceGetCount()))
        return tuple(
            Gpu(pynvml.nvmlDeviceGetName(one), _memory_mib(one), pynvml.nvmlDeviceGetUUID(one), driver)
            for one in handles
        )
    except pynvml.NVMLError:  # a GPU that has fallen off the bus
        return ()
    finally:
        with suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()


def _memory_mib(handle: object) -> float:
    import pynvml

    with suppress(pynvml.NVMLError):
        return float(pynvml.nvmlDeviceGetMemoryInfo(handle).total / 2**20)
    return 0.0
