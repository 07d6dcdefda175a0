"""This machine's hardware for serving a model."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from infraray.hardware.devices import Device, find_device, measure_cpu
from infraray.hardware.gpus import Gpu, listed_gpus


@dataclass(frozen=True)
class Hardware:
    """The hardware that figures depend on and that agents are shown.

    Args:
        processor: its name.
        cores: the cores that this process may use.
        memory_gib: the machine's memory.
        gpus: the name of each GPU that this process sees.
        gpu_memory_gib: memory of each GPU.
    """

    processor: str
    cores: int
    memory_gib: float
    gpus: tuple[str, ...] = ()
    gpu_memory_gib: float = 0.0

    def __str__(self) -> str:
        machine = f"{self.cores} cores of {self.processor}, {self.memory_gib:.0f} GiB of memory"
        if not self.gpus:
            return f"no GPU; {machine}"
        return f"{len(self.gpus)} x {self.gpus[0]} with {self.gpu_memory_gib:.0f} GiB; {machine}"

    @property
    def identity(self) -> dict[str, object]:
        """The fields that must agree for figures to be comparable."""
        return {"processor": self.processor, "cores": self.cores, "gpus": list(self.gpus)}

    def device(self) -> Device:
        """The device that a model runs on, with its limits: the GPU by its data sheet, or the cores as measured now.

        Raises:
            InfrarayError: the GPU's data sheet is unknown.
        """
        return find_device(self.gpus[0]) if self.gpus else measure_cpu()


@cache
def this_machine() -> Hardware:
    """Inspects this machine, once.

    Raises:
        InfrarayError: see `listed_gpus`.
    """
    listed, shown = listed_gpus(), _shown()
    gpus = listed if shown is None else [gpu for word in shown for gpu in _meant(word, listed)]
    return Hardware(
        _processor(),
        len(os.sched_getaffinity(0)),
        os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30,
        tuple(gpu.name for gpu in gpus),
        gpus[0].memory_mib / 1024 if gpus else 0.0,
    )


def device_names() -> list[str]:
    """The devices that this process may compute on, sorted: one name per visible GPU, or the cores if there is none.

    A GPU's name is its UUID, whatever CUDA_VISIBLE_DEVICES calls it. Devices that the driver does not list, such as a
    slice of a GPU (MIG), keep the name that they have there.
    """
    listed, shown = listed_gpus(), _shown()
    if shown is None:
        nodes = [node.name.removeprefix("nvidia") for node in Path("/dev").glob("nvidia[0-9]*")]
        names = [gpu.uuid for gpu in listed] or nodes
    elif any(word.isdigit() for word in shown) and not _cuda_counts_as_listed(listed):
        # An index may mean any of the GPUs.
        names = [gpu.uuid for gpu in listed]
    else:
        names = [name for word in shown for name in [gpu.uuid for gpu in _meant(word, listed)] or [word]]
    return sorted({f"gpu-{name.replace('/', '-')}" for name in names}) or ["cores"]


def _shown() -> list[str] | None:
    """The entries of CUDA_VISIBLE_DEVICES without -1 (no GPU); None if it is not set and all are visible."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return (
        None if visible is None else [word for said in visible.split(",") if (word := said.strip()) not in ("", "-1")]
    )


def _meant(word: str, listed: Sequence[Gpu]) -> list[Gpu]:
    """The GPU that an entry of CUDA_VISIBLE_DEVICES names, by index or by the beginning of its UUID."""
    return [
        gpu
        for number, gpu in enumerate(listed)
        if word == str(number) or (word.startswith("GPU-") and gpu.uuid.startswith(word))
    ]


def _cuda_counts_as_listed(listed: Sequence[Gpu]) -> bool:
    """Whether CUDA's indices equal the driver's; by default CUDA puts the fastest first, so only among equal GPUs."""
    return os.environ.get("CUDA_DEVICE_ORDER") == "PCI_BUS_ID" or len({gpu.name for gpu in listed}) < 2


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return "an unknown processor"
