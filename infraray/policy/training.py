"""Trains the model on windows of conversations: first to predict everything in them, then the answers alone."""

# mypy: disable-error-code="import-not-found,no-untyped-call"
from __future__ import annotations

import itertools
import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.utils.rnn import pad_sequence
from transformers import Qwen2Config, Qwen2ForCausalLM

from infraray.policy.lessons import Window, batches_of

CONTEXT = 32_768
"""Positions; real tools' prompts fit."""

PRETRAINED_SHARE = 0.4
"""Share of the training in which questions are predicted, too: it is how the model learns to read them."""

WARM_UP_SHARE = 0.02

TOLD_S = 20.0
"""Seconds between lines about the progress."""


@dataclass(frozen=True)
class Size:
    """The model's shape and its training.

    Args:
        vocabulary: tokens.
        hidden: width; a multiple of 64, for two groups of heads of width 32.
        layers: depth.
        feed_forward: width of the feed-forward layers.
        peak_lr: the highest learning rate of AdamW.
        batch_tokens: tokens of a step, with their padding.
    """

    vocabulary: int
    hidden: int
    layers: int
    feed_forward: int
    peak_lr: float
    batch_tokens: int


SIZES = {
    "tiny": Size(1024, 64, 2, 192, 4e-3, 8192),
    "small": Size(2048, 256, 6, 704, 2e-3, 32768),
}


def make_model(size: Size, tokenizer: Any) -> Qwen2ForCausalLM:
    """A model that has learnt nothing."""
    return Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=len(tokenizer),
            hidden_size=size.hidden,
            intermediate_size=size.feed_forward,
            num_hidden_layers=size.layers,
            num_attention_heads=size.hidden // 32,
            num_key_value_heads=2,
            max_position_embeddings=CONTEXT,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def train(
    model: Qwen2ForCausalLM,
    windows: Sequence[Window],
    size: Size,
    passes: float,
    tell: Callable[[str], None],
    keep: Callable[[float], None],
    seed: int,
) -> None:
    """Goes through the windows several times.

    Args:
        model: changed in place.
        windows: of all conversations.
        size: for the learning rate and the batch.
        passes: how often; the learning rate falls to a tenth by the end.
        tell: told of the progress now and then, one line each.
        keep: called after each line and at the end, with the passes so far.
        seed: of the order.
    """
    total = passes * sum(len(window.ids) for window in windows)
    optimizer = torch.optim.AdamW(model.parameters(), lr=size.peak_lr, betas=(0.9, 0.98), weight_decay=0.01, fused=True)
    dice = random.Random(seed)
    began = told = time.monotonic()
    tokens, losses = 0, []
    model.train()
    for batch in itertools.chain.from_iterable(
        batches_of(windows, size.batch_tokens, dice) for _ in range(math.ceil(passes))
    ):
        share = tokens / total
        if share >= 1:
            break
        for group in optimizer.param_groups:
            group["lr"] = size.peak_lr * min((share + 1e-4) / WARM_UP_SHARE, 1.1 - share, 1.0)
        loss = loss_of(model, batch, all_tokens=share < PRETRAINED_SHARE)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.detach())  # read now and then only: a GPU would have to be waited for
        tokens += sum(len(window.ids) for window in batch)
        if time.monotonic() - told > TOLD_S:
            told = time.monotonic()
            mean = torch.stack(losses).mean().item()
            tell(f"{share:.0%}, {tokens:,} tokens, {tokens / (told - began):,.0f}/s, loss {mean:.4f}")
            losses.clear()
            keep(share * passes)
    model.eval()
    keep(passes)


def loss_of(model: Qwen2ForCausalLM, batch: Sequence[Window], all_tokens: bool) -> torch.Tensor:
    """The mean cross-entropy of the answers in a batch, or of all its tokens."""
    ids, taught = padded(batch, all_tokens)
    # Where the targets are is known here: to ask a GPU would stop it.
    at = taught[:, 1:].flatten().nonzero().flatten().to(model.device)
    ids = ids.to(model.device)
    # Half of the time on processors and GPUs that multiply in 16 bits, and no more on others.
    with torch.autocast(model.device.type, dtype=torch.bfloat16):
        # The padding is on the right, where nobody looks who is not padding himself.
        states = model.model(ids, use_cache=False).last_hidden_state[:, :-1].flatten(0, 1)[at]
        logits = model.lm_head(states).float()
    return torch.nn.functional.cross_entropy(logits, ids[:, 1:].flatten()[at])


def padded(batch: Sequence[Window], all_tokens: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """The tokens of a batch, and which of them are taught; both of shape (windows, longest window)."""
    ids = pad_sequence([torch.tensor(window.ids) for window in batch], batch_first=True)
    taught = [torch.tensor([True] * len(window.ids) if all_tokens else window.is_answer) for window in batch]
    return ids, pad_sequence(taught, batch_first=True)
