"""A tiny policy made from nothing: a Qwen2 of random weights with a tokenizer of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from infraray.policy.tokenizer import CHAT_TEMPLATE, make_tokenizer

FORGETTING_TEMPLATE = CHAT_TEMPLATE.replace(
    "{{ message['content'] }}", "{{ message['content'] if loop.last or message['role'] != 'assistant' else '...' }}"
)
"""Rewrites the answers of earlier turns, as templates do that drop their thoughts."""

WORDS = (
    '{"server": 3} {"evict": 0} {"bitrate": 1} the jobs of server number 1 2 3 4 5 work left Answer: Thought: Action: '
    "user system assistant You manage servers. Reply with your action only. queue length seconds rate size"
)


def tiny_tokenizer(template: str = CHAT_TEMPLATE) -> Any:
    """One of some hundred tokens, as `infraray.policy` makes them."""
    tokenizer = make_tokenizer([WORDS] * 3, 400)
    tokenizer.chat_template = template
    return tokenizer


def save_policy(folder: Path) -> Path:
    """A folder that transformers and verl load."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    tokenizer = tiny_tokenizer()
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
    # Weights so large that what stands before a token matters for it.
    heads = {"num_attention_heads": 2, "num_key_value_heads": 2, "initializer_range": 0.3}
    config = Qwen2Config(
        vocab_size=len(tokenizer), max_position_embeddings=16384, eos_token_id=tokenizer.eos_token_id, **sizes, **heads
    )
    Qwen2ForCausalLM(config).save_pretrained(folder)
    return folder
