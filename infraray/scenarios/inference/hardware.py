"""What this machine has to serve a model with."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from infraray.scenarios.inference.roofline import Device, find_device, measure_cpu

_QUERY = "--query-gpu=name,memory.total,uuid"


@dataclass(frozen=True)
class Hardware:
    """What figures depend on, and what an agent is told.

    Args:
        processor: its name.
        cores: that this process may use.
        memory_gib: of the machine.
        gpus: the name of each GPU that this process sees.
        gpu_memory_gib: of each of them.
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
        """What makes figures comparable."""
        return {"processor": self.processor, "cores": self.cores, "gpus": list(self.gpus)}

    def device(self) -> Device:
        """What a model runs on, with its limits: the GPU by its data sheet, or the cores as measured now.

        Raises:
            InfrarayError: the GPU's data sheet is not known.
        """
        return find_device(self.gpus[0]) if self.gpus else measure_cpu()


@cache
def this_machine() -> Hardware:
    """Looks at this machine once."""
    names, memory_gib = _gpus()
    pages, page_bytes = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return Hardware(_processor(), len(os.sched_getaffinity(0)), pages * page_bytes / 2**30, names, memory_gib)


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return "an unknown processor"


def _gpus() -> tuple[tuple[str, ...], float]:
    """Names and memory, as far as CUDA_VISIBLE_DEVICES shows them."""
    try:
        asked = subprocess.run(
            ["nvidia-smi", _QUERY, "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return (), 0.0
    lines = [[field.strip() for field in line.split(",")] for line in asked.stdout.splitlines()]
    found = [line for line in lines if len(line) == 3]
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        found = [
            gpu
            for said in map(str.strip, visible.split(","))
            for number, gpu in enumerate(found)
            if said == str(number) or (said.startswith("GPU-") and gpu[2].startswith(said))
        ]
    memory_mib = 0.0
    # A GPU that shares the machine's memory says that it has none to tell of.
    with suppress(ValueError, IndexError):
        memory_mib = float(found[0][1])
    return tuple(name for name, _, _ in found), memory_mib / 1024
