"""Physical limits: the lowest latency and highest throughput of a model on a device.

A decoding step reads every weight and every cached key and value once from memory, and does two
floating-point operations for each weight and token; it takes at least the longer of the two times
(Williams et al., "Roofline", 2009; Pope et al., "Efficiently scaling transformer inference", 2022).
A measurement that beats the bound was not computed, or not by this model.

The bounds hold for any engine, so each gives every benefit of the doubt: the data sheet's full bandwidth and
operations, a cache that always holds what is needed, and no work beyond the products with weights, keys and values.
Quantised weights, speculative decoding and cached prompts lower the bounds, so they are arguments.
"""

from __future__ import annotations

from dataclasses import dataclass

from infraray.hardware.devices import Device
from infraray.hardware.model_size import ModelSize


@dataclass(frozen=True)
class Roofline:
    """The bounds for one model on one device, or on several that share it.

    Args:
        model: its size, with the served bit widths of weights and cache.
        device: one device.
        devices: the number of devices that share the model (tensor parallel).
    """

    model: ModelSize
    device: Device
    devices: int = 1

    def least_tpot_s(self, context_tokens: float, tokens_per_step: float = 1.0) -> float:
        """Least time per output token of one sequence, in s.

        max(bytes read / bandwidth, operations / rate) of a step, divided by the tokens that a step yields.

        Args:
            context_tokens: tokens in the sequence's cache, on average.
            tokens_per_step: tokens that one step yields: 1, or with speculative decoding at most the number of
                speculated tokens plus one.
        """
        return 1 / self.most_output_throughput(context_tokens, 1, tokens_per_step)

    def least_ttft_s(self, prompt_tokens: float, cached_tokens: float = 0.0) -> float:
        """Least time to the first token of a prompt, in s.

        max(weights / bandwidth, operations / rate), where each uncached token attends to itself and to all tokens
        before it.

        Args:
            prompt_tokens: tokens of the prompt.
            cached_tokens: how many of them a prefix cache may already hold.
        """
        read = self._read_s(self.model.weight_bytes + cached_tokens * self.model.kv_bytes_per_token)
        return max(read, self._prefill_flops(prompt_tokens, cached_tokens) / self._rate)

    def most_output_throughput(self, context_tokens: float, concurrency: int, tokens_per_step: float = 1.0) -> float:
        """Most output tokens/s of ``concurrency`` sequences together, without prefill."""
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

        Each request costs the operations of its prefill and decoding and its share of the decoding steps' reads; and
        no slot serves a request faster than it would be served alone.
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
        """Least time to read so many bytes in every step; what the caches hold need not come from memory."""
        from_memory = max(0.0, read_bytes - self.device.cache_bytes * self.devices)
        return from_memory / (self.device.memory_bytes_per_s * self.devices)

    def _decode_flops(self, context_tokens: float) -> float:
        model = self.model
        weights = model.layer_parameters + model.head_parameters
        return 2 * weights + model.attention_flops_per_pair * context_tokens

    def _prefill_flops(self, prompt_tokens: float, cached_tokens: float) -> float:
        """Operations of a prefill; the last token is never cached, as something has to be computed to sample from."""
        new = max(1.0, prompt_tokens - cached_tokens)
        pairs = new * (prompt_tokens - new) + new * (new + 1) / 2
        model = self.model
        return 2 * (model.layer_parameters * new + model.head_parameters) + model.attention_flops_per_pair * pairs
