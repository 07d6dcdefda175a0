"""What physics allows: the least latency and the most throughput of a model on a device.

A decoding step reads every weight and every cached key and value once from memory, and does two
floating-point operations for each weight and token; it takes at least the longer of the two times
(Williams et al., "Roofline", 2009; Pope et al., "Efficiently scaling transformer inference", 2022).
What measures better was not computed, or not by this model.

The bounds hold for any engine, so each gives every benefit of the doubt: all bandwidth and all
operations of the data sheet, a cache that is always full of what is needed, and no work but the
products with weights and keys and values. Quantised weights, speculative decoding and cached
prompts lower the bounds: they are asked for.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from infraray.errors import InfrarayError, did_you_mean


@dataclass(frozen=True)
class Device:
    """What a device can do at most.

    Args:
        name: its name.
        memory_bytes_per_s: bandwidth of its memory.
        cache_bytes: its last cache: what stays there from step to step is not read from memory.
        flops: dense floating-point operations/s by bits of an operand.
    """

    name: str
    memory_bytes_per_s: float
    cache_bytes: float
    flops: Mapping[int, float]

    def flops_at(self, bits: float) -> float:
        """Operations/s for operands of ``bits``: the fastest at least so wide; wider ones than listed may be cut."""
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
"""Figures of the makers' data sheets, without sparsity."""

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
"""Parts of what nvidia-smi calls a device, where that differs from the name here."""


def find_device(name: str) -> Device:
    """The device of a name: one of `DEVICES`, or what nvidia-smi calls it.

    A name is found as whole words: an A10G or a GH200 is no A10 and no H200. What follows as a word of
    its own (``H200 NVL``) is a slower form, for which the bounds hold as well; a number behind a hyphen
    is another device (``H20-3e``) or a share of one (``A10-24Q``).

    Raises:
        InfrarayError: it is not known.
    """
    for part, known in (*_NVIDIA_NAMES.items(), *((known, known) for known in sorted(DEVICES, key=len, reverse=True))):
        if re.search(rf"(?<![a-z0-9]){re.escape(part)}(?![a-z0-9]|-\d)", name, re.IGNORECASE):
            return DEVICES[known]
    raise InfrarayError(f"roofline: device={name!r}: not known; {did_you_mean(name, DEVICES)}")


def measure_cpu(seconds: float = 1.0) -> Device:
    """What this machine's cores do together in NumPy: float32 products, and reading of a large array.

    Args:
        seconds: how long to measure; the best counts.
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
        # The two operands are one array: each element comes from memory once.
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


@dataclass(frozen=True)
class ModelSize:
    """What of a model decides its speed.

    Args:
        parameters: all of them.
        layer_parameters: those in the layers that one token goes through; fewer than there are in
            a mixture of experts.
        head_parameters: those of the vocabulary's head, which only sampled tokens need.
        weight_bits: bits of one parameter as it is stored.
        kv_values_per_token: keys and values that one token adds to the cache.
        kv_bits: bits of one of these.
        attention_flops_per_pair: operations for one token that attends to one other.
    """

    parameters: int
    layer_parameters: int
    head_parameters: int
    weight_bits: float
    kv_values_per_token: int
    kv_bits: float
    attention_flops_per_pair: int

    @property
    def weight_bytes(self) -> float:
        """Bytes that a decoding step of one sequence reads."""
        return (self.layer_parameters + self.head_parameters) * self.weight_bits / 8

    @property
    def kv_bytes_per_token(self) -> float:
        """Bytes of one token in the cache."""
        return self.kv_values_per_token * self.kv_bits / 8


def model_size(folder: str | Path) -> ModelSize:
    """Reads a model's size from ``config.json``: shapes and data type; the weights are not needed.

    Knows decoders of the Llama kind (Llama, Mistral, Qwen, Gemma and others), with grouped heads
    and with mixtures of experts.

    Raises:
        InfrarayError: the file cannot be read or misses a shape.
    """
    path = Path(folder) / "config.json"
    try:
        config: dict[str, Any] = json.loads(path.read_text())
        config = config.get("text_config") or config
        hidden, layers, heads = (
            int(config[name]) for name in ("hidden_size", "num_hidden_layers", "num_attention_heads")
        )
        vocabulary, intermediate = int(config["vocab_size"]), int(config["intermediate_size"])
    except (OSError, ValueError) as error:
        raise InfrarayError(f"roofline: {path}: cannot be read ({error})") from None
    except KeyError as error:
        raise InfrarayError(
            f"roofline: {path}: {error.args[0]} is missing; only decoders of the Llama kind are known"
        ) from None
    kv_heads = int(config.get("num_key_value_heads") or heads)
    head = int(config.get("head_dim") or hidden // heads)
    attention = 2 * hidden * heads * head + 2 * hidden * kv_heads * head
    experts = int(config.get("num_local_experts") or config.get("num_experts") or 1)
    chosen = int(config.get("num_experts_per_tok") or 1) if experts > 1 else 1
    expert = 3 * hidden * int(config.get("moe_intermediate_size") or intermediate)
    embeddings = vocabulary * hidden * (1 if config.get("tie_word_embeddings") else 2)
    bits = {"float32": 32, "float16": 16, "bfloat16": 16}
    width = bits.get(str(config.get("dtype") or config.get("torch_dtype") or "bfloat16"), 16)
    return ModelSize(
        parameters=layers * (attention + experts * expert) + embeddings,
        layer_parameters=layers * (attention + chosen * expert),
        head_parameters=vocabulary * hidden,
        weight_bits=width,
        kv_values_per_token=2 * layers * kv_heads * head,
        kv_bits=width,
        attention_flops_per_pair=4 * layers * heads * head,
    )


@dataclass(frozen=True)
class Roofline:
    """The bounds of one model on one device, or on several that share it.

    Args:
        model: its size, with the bits of weights and cache as they are served.
        device: one device.
        devices: how many share the model (tensor parallel).
    """

    model: ModelSize
    device: Device
    devices: int = 1

    def least_tpot_s(self, context_tokens: float, tokens_per_step: float = 1.0) -> float:
        """Least time per output token of one sequence, in s.

        max(bytes read / bandwidth, operations / rate) of a step, over the tokens that a step gives.

        Args:
            context_tokens: tokens in the sequence's cache, on average.
            tokens_per_step: tokens that one step yields: 1, or with speculative decoding at most
                the number of speculated tokens and one.
        """
        return 1 / self.most_output_throughput(context_tokens, 1, tokens_per_step)

    def least_ttft_s(self, prompt_tokens: float, cached_tokens: float = 0.0) -> float:
        """Least time to the first token of a prompt, in s.

        max(weights / bandwidth, operations / rate), where each token that is not cached attends to
        itself and all before it.

        Args:
            prompt_tokens: tokens of the prompt.
            cached_tokens: how many of them a prefix cache may hold already.
        """
        read = self._read_s(self.model.weight_bytes + cached_tokens * self.model.kv_bytes_per_token)
        return max(read, self._prefill_flops(prompt_tokens, cached_tokens) / self._rate)

    def most_output_throughput(self, context_tokens: float, concurrency: int, tokens_per_step: float = 1.0) -> float:
        """Most output tokens/s of ``concurrency`` sequences together, prefill left out."""
        cached = concurrency * context_tokens * self.model.kv_bytes_per_token
        operations = concurrency * tokens_per_step * self._decode_flops(context_tokens)
        step_s = max(self._read_s(self.model.weight_bytes + cached), operations / self._rate)
        return concurrency * tokens_per_step / step_s

    def most_request_throughput(
        self,
        prompt_tokens: float,
        output_tokens: float,
        concurrency: int,
        tokens_per_step: float = 1.0,
        cached_tokens: float = 0.0,
    ) -> float:
        """Most requests/s.

        Each request costs the operations of its prefill and its decoding, and its share of what
        the decoding steps read; and no place serves one faster than a request alone is served.
        """
        context = prompt_tokens + output_tokens / 2
        prefill = self._prefill_flops(prompt_tokens, cached_tokens)
        operations_s = (prefill + output_tokens * self._decode_flops(context)) / self._rate
        decoding_s = output_tokens / self.most_output_throughput(context, concurrency, tokens_per_step)
        alone_s = self.least_ttft_s(prompt_tokens, cached_tokens) + (output_tokens - 1) * self.least_tpot_s(
            context, tokens_per_step
        )
        return min(1 / max(operations_s, decoding_s), concurrency / alone_s)

    @property
    def _rate(self) -> float:
        return self.device.flops_at(self.model.weight_bits) * self.devices

    def _read_s(self, read_bytes: float) -> float:
        """Least time to read so much in every step: what the caches hold need not come from memory."""
        from_memory = max(0.0, read_bytes - self.device.cache_bytes * self.devices)
        return from_memory / (self.device.memory_bytes_per_s * self.devices)

    def _decode_flops(self, context_tokens: float) -> float:
        model = self.model
        weights = model.layer_parameters + model.head_parameters
        return 2 * weights + model.attention_flops_per_pair * context_tokens

    def _prefill_flops(self, prompt_tokens: float, cached_tokens: float) -> float:
        """The last token is never cached: something has to be computed to sample from."""
        new = max(1.0, prompt_tokens - cached_tokens)
        pairs = new * (prompt_tokens - new) + new * (new + 1) / 2
        model = self.model
        return 2 * (model.layer_parameters * new + model.head_parameters) + model.attention_flops_per_pair * pairs
