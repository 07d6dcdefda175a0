"""Peak performance of devices: GPUs by their data sheets, this machine's cores as measured."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from infraray.errors import InfrarayError, did_you_mean


@dataclass(frozen=True)
class Device:
    """The peak performance of a device.

    Args:
        name: its name.
        memory_bytes_per_s: its memory bandwidth.
        cache_bytes: size of its last-level cache, whose contents are not read from memory in every step.
        flops: dense floating-point operations/s by operand width in bits.
    """

    name: str
    memory_bytes_per_s: float
    cache_bytes: float
    flops: Mapping[int, float]

    def flops_at(self, bits: float) -> float:
        """Operations/s for operands of ``bits``: the fastest of at least that width; wider ones may be truncated."""
        return max((rate for width, rate in self.flops.items() if width >= bits), default=self.flops[max(self.flops)])


DEVICES = {
    device.name: device
    for device in (
        Device("A10", 600e9, 6e6, {16: 125e12, 8: 250e12}),
        Device("A100-40GB", 1.555e12, 40e6, {16: 312e12, 8: 624e12}),
        Device("A100-80GB", 2.039e12, 40e6, {16: 312e12, 8: 624e12}),
        Device("A10G", 600e9, 6e6, {16: 70e12, 8: 140e12}),
        Device("A30", 933e9, 24e6, {16: 165e12, 8: 330e12}),
        Device("A6000", 768e9, 6e6, {16: 154.8e12, 8: 309.7e12}),
        Device("B200", 8e12, 126e6, {16: 2250e12, 8: 4500e12, 4: 9000e12}),
        Device("H100-NVL", 3.9e12, 50e6, {16: 835e12, 8: 1671e12}),
        Device("H100-PCIe", 2e12, 50e6, {16: 756e12, 8: 1513e12}),
        Device("H100-SXM", 3.35e12, 50e6, {16: 989e12, 8: 1979e12}),
        Device("H20", 4e12, 60e6, {16: 148e12, 8: 296e12}),
        Device("H200", 4.8e12, 50e6, {16: 989e12, 8: 1979e12}),
        Device("L4", 300e9, 48e6, {16: 121e12, 8: 242e12}),
        Device("L40", 864e9, 96e6, {16: 181e12, 8: 362e12}),
        Device("L40S", 864e9, 96e6, {16: 362e12, 8: 733e12}),
        Device("MI300X", 5.3e12, 256e6, {16: 1307e12, 8: 2615e12}),
        Device("RTX-4090", 1.008e12, 72e6, {16: 330.3e12, 8: 660.6e12}),
        Device("T4", 320e9, 4e6, {16: 65e12, 8: 130e12}),
        Device("V100", 900e9, 6e6, {16: 125e12}),
    )
}
"""Figures from the manufacturers' data sheets, without sparsity."""

_NVIDIA_NAMES = {
    "A100-SXM4-40GB": "A100-40GB",
    "A100-PCIE-40GB": "A100-40GB",
    "A100 80GB PCIe": "A100-80GB",
    "A100-SXM4-80GB": "A100-80GB",
    "H100 NVL": "H100-NVL",
    "H100 PCIe": "H100-PCIe",
    "H100 80GB HBM3": "H100-SXM",
    "RTX 4090": "RTX-4090",
}
"""Parts of nvidia-smi's names for devices that differ from the names here."""


def find_device(name: str) -> Device:
    """Finds a device by its name: one of `DEVICES`, or nvidia-smi's.

    Names match as whole words: an A10G is not an A10, nor a GH200 an H200. A following word (``H200 NVL``) names a
    slower variant, for which the bounds hold as well; a suffix after a hyphen names another device (``H20-3e``) or a
    share of one (``A10-24Q``).

    Raises:
        InfrarayError: the device is unknown.
    """
    for part, known in (*_NVIDIA_NAMES.items(), *((known, known) for known in sorted(DEVICES, key=len, reverse=True))):
        if re.search(rf"(?<![a-z0-9]){re.escape(part)}(?![a-z0-9]|-\d)", name, re.IGNORECASE):
            return DEVICES[known]
    raise InfrarayError(f"roofline: device={name!r}: not known; {did_you_mean(name, DEVICES)}")


def measure_cpu(seconds: float = 1.0) -> Device:
    """Measures what this machine's cores do together in NumPy: float32 products and reading a large array.

    Args:
        seconds: how long to measure; the best result counts.
    """
    size = 1024
    left, right = (np.random.default_rng(seed).random((size, size), np.float32) for seed in (0, 1))
    long = np.ones(2**25, np.float32)
    rates: dict[str, float] = {"flops": 0.0, "bytes": 0.0}
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        began = time.perf_counter()
        left @ right
        multiplied = time.perf_counter()
        np.dot(long, long)
        read = time.perf_counter()
        rates["flops"] = max(rates["flops"], 2 * size**3 / (multiplied - began))
        # Both operands are the same array, so each element is read from memory once.
        rates["bytes"] = max(rates["bytes"], long.nbytes / (read - multiplied))
    return Device("CPU", rates["bytes"], _cpu_cache_bytes(), {32: rates["flops"]})


def _cpu_cache_bytes() -> float:
    """All caches of level 2 and above, each counted once."""
    found: dict[str, int] = {}
    for cache in Path("/sys/devices/system/cpu").glob("cpu[0-9]*/cache/index*"):
        with suppress(OSError, ValueError):
            if int((cache / "level").read_text()) >= 2:
                shared = (cache / "level").read_text() + (cache / "shared_cpu_list").read_text()
                found[shared] = int((cache / "size").read_text().strip().removesuffix("K")) * 1024
    return float(sum(found.values()))
