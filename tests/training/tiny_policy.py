"""A tiny policy made from nothing: a Qwen2 of random weights with a tokenizer of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

FORGETTING_TEMPLATE = TEMPLATE.replace(
    "{{ message['content'] }}", "{{ message['content'] if loop.last or message['role'] != 'assistant' else '...' }}"
)
"""Rewrites the answers of earlier turns, as templates do that drop their thoughts."""

WORDS = (
    '{"server": 3} {"evict": 0} {"bitrate": 1} the jobs of server number 1 2 3 4 5 work left Answer: Thought: Action: '
    "user system assistant You manage servers. Reply with your action only. queue length seconds rate size"
)


def tiny_tokenizer(template: str = TEMPLATE) -> Any:
    """A byte-level BPE tokenizer of some hundred tokens."""
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        show_progress=False,
    )
    bpe.train_from_iterator([WORDS] * 3, trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token="<|im_end|>", pad_token="<|endoftext|>")
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
