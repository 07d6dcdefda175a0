"""Trains the model on lessons: first to predict everything in them, then the answers alone."""

# mypy: disable-error-code="import-not-found,no-untyped-call"
from __future__ import annotations

import inspect
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import DynamicCache, Qwen2Config, Qwen2ForCausalLM

from infraray.policy.lessons import Lesson

CONTEXT = 32_768
"""Positions; real tools' prompts fit."""

PRETRAINED_SHARE = 0.15
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
        batch_tokens: tokens of a step.
    """

    vocabulary: int
    hidden: int
    layers: int
    feed_forward: int
    peak_lr: float
    batch_tokens: int


SIZES = {
    "tiny": Size(1024, 64, 2, 192, 4e-3, 6144),
    "small": Size(2048, 192, 4, 512, 2e-3, 6144),
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
    lessons: Sequence[Lesson],
    size: Size,
    passes: float,
    tell: Callable[[str], None],
    seed: int,
) -> None:
    """Goes through the lessons several times.

    Args:
        model: changed in place.
        lessons: in random order.
        size: for the learning rate and the batch.
        passes: how often; the learning rate falls to a tenth by the end.
        tell: told of the progress now and then, one line each.
        seed: of the order in further passes.
    """
    total = passes * sum(lesson.tokens for lesson in lessons)
    optimizer = torch.optim.AdamW(model.parameters(), lr=size.peak_lr, betas=(0.9, 0.98), weight_decay=0.01)
    began = told = time.monotonic()
    tokens = 0
    losses: list[float] = []
    model.train()
    for batch in _batches(lessons, size.batch_tokens, random.Random(seed)):
        share = tokens / total
        if share >= 1:
            break
        for group in optimizer.param_groups:
            group["lr"] = size.peak_lr * min((share + 1e-4) / WARM_UP_SHARE, 1.1 - share, 1.0)
        summed = [loss_of(model, lesson, all_tokens=share < PRETRAINED_SHARE) for lesson in batch]
        loss = sum(loss for loss, _ in summed) / sum(count for _, count in summed)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
        tokens += sum(lesson.tokens for lesson in batch)
        if time.monotonic() - told > TOLD_S:
            told = time.monotonic()
            mean = sum(losses) / len(losses)
            tell(f"{share:.0%}, {tokens:,} tokens, {tokens / (told - began):,.0f}/s, loss {mean:.4f}")
            losses.clear()
    model.eval()


def loss_of(model: Qwen2ForCausalLM, lesson: Lesson, all_tokens: bool) -> tuple[Any, int]:
    """The summed cross-entropy of the answers in a lesson's windows, or of all their tokens, and their number."""
    device = model.device
    longest = max(len(window.ids) for window in lesson.windows)
    ids = torch.full((len(lesson.windows), longest), model.config.pad_token_id)
    said = torch.zeros((len(lesson.windows), longest), dtype=torch.bool)
    for row, window in enumerate(lesson.windows):
        ids[row, : len(window.ids)] = torch.tensor(window.ids)
        said[row, : len(window.ids)] = torch.tensor(window.is_answer) | all_tokens
    ids, said = ids.to(device), said.to(device)[:, 1:]
    # Half of the time on processors and GPUs that multiply in 16 bits, and no more on others.
    with torch.autocast(device.type, dtype=torch.bfloat16):
        cache = DynamicCache(config=model.config)
        cached = {cache_name(model): cache, "use_cache": True}
        model.model(torch.tensor([lesson.task], device=device), **cached)
        cache.batch_repeat_interleave(len(lesson.windows))
        # The padding is on the right, where nobody looks who is not padding himself.
        states = model.model(ids, **cached).last_hidden_state[:, :-1][said]
        logits = model.lm_head(states).float()
    return torch.nn.functional.cross_entropy(logits, ids[:, 1:][said], reduction="sum"), int(said.sum())


def cache_name(model: Any) -> str:
    """What the model calls its cache, which transformers 5.2x has renamed."""
    return "cache" if "cache" in inspect.signature(type(model).forward).parameters else "past_key_values"


def _batches(lessons: Sequence[Lesson], tokens: int, dice: random.Random) -> Iterator[list[Lesson]]:
    order = [*lessons]
    batch: list[Lesson] = []
    while True:
        for lesson in order:
            batch.append(lesson)
            if sum(lesson.tokens for lesson in batch) >= tokens:
                yield batch
                batch = []
        dice.shuffle(order)
