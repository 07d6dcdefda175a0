"""The sizes of a model that determine its speed, read from its configuration."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infraray.errors import InfrarayError


@dataclass(frozen=True)
class ModelSize:
    """The sizes of a model that determine its speed.

    Args:
        parameters: the total number.
        layer_parameters: those in the layers that one token passes through; in a mixture of experts, fewer than there
            are.
        head_parameters: those of the output head, which only sampled tokens need.
        weight_bits: bits per stored parameter.
        kv_values_per_token: keys and values that one token adds to the cache.
        kv_bits: bits per key or value.
        attention_flops_per_pair: operations for one token to attend to one other.
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
        """Bytes of weights that a decoding step of one sequence reads."""
        return (self.layer_parameters + self.head_parameters) * self.weight_bits / 8

    @property
    def kv_bytes_per_token(self) -> float:
        """Bytes per token in the cache."""
        return self.kv_values_per_token * self.kv_bits / 8


def model_size(folder: str | Path) -> ModelSize:
    """Reads a model's sizes from the shapes and data type in ``config.json``; the weights are not needed.

    Supports Llama-style decoders (Llama, Mistral, Qwen, Gemma and others), with grouped heads and mixtures of experts.

    Raises:
        InfrarayError: the file cannot be read or lacks a shape.
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
