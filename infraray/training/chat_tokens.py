"""Conversations as tokens of which only the answers are learnt.

A conversation is rendered by the model's own template up to each answer, as a server would be asked for it, so that
what is learnt follows exactly what the model will be shown. An answer ends with the template's mark, which the model
has to say, too. Where a template rewrites earlier turns, such as one that drops their thoughts, a new sequence begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from infraray.agents.chat.messages import Message

IGNORED = -100
"""The label of a token that is not learnt, by the convention of PyTorch's losses."""


def labelled(tokenizer: Any, messages: Sequence[Message], tools: Any, most: int) -> list[dict[str, list[int]]]:
    """The sequences of a conversation: ``input_ids`` and ``labels``; those without a label are left out.

    Args:
        tokenizer: of transformers, with a chat template.
        messages: the conversation.
        tools: definitions of the tools that the model may call; None for none.
        most: the most tokens of a sequence; what follows is cut off.
    """
    sequences: list[tuple[str, list[int], list[int]]] = []
    for place, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        prompt = _rendered(tokenizer, messages[:place], tools, True)
        answered = _rendered(tokenizer, messages[: place + 1], tools, False)
        if not answered.startswith(prompt):
            continue  # the template says something else in place of this answer
        answer = _to_its_end(answered[len(prompt) :], tokenizer.eos_token)
        if not sequences or not prompt.startswith(sequences[-1][0]):
            sequences.append(("", [], []))
        text, ids, labels = sequences.pop()
        told, said = _encoded(tokenizer, prompt[len(text) :]), _encoded(tokenizer, answer)
        ids, labels = [*ids, *told, *said], [*labels, *[IGNORED] * len(told), *said]
        sequences.append((prompt + answer, ids, labels))
    cut = [{"input_ids": ids[:most], "labels": labels[:most]} for _, ids, labels in sequences]
    return [one for one in cut if any(label != IGNORED for label in one["labels"])]


def _rendered(tokenizer: Any, messages: Sequence[Message], tools: Any, asks: bool) -> str:
    text: str = tokenizer.apply_chat_template(list(messages), tools=tools, tokenize=False, add_generation_prompt=asks)
    return text


def _to_its_end(text: str, mark: str | None) -> str:
    """An answer up to the mark of its end; what the template adds behind is told, not said."""
    place = text.find(mark) if mark else -1
    return text[: place + len(mark)] if mark and place >= 0 else text


def _encoded(tokenizer: Any, text: str) -> list[int]:
    ids: list[int] = tokenizer.encode(text, add_special_tokens=False)
    return ids
