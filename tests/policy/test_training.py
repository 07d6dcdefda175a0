"""The model learns from lessons what it would learn from each conversation alone."""

# mypy: disable-error-code="import-not-found,no-untyped-call,no-any-return"
from __future__ import annotations

import random
from typing import Any

import pytest

from infraray.policy.lessons import Lesson, lessons_of
from infraray.policy.tokenizer import make_tokenizer

pytestmark = pytest.mark.engine

CHATS = [
    [{"role": "system", "content": "Repeat."}]
    + [
        {"role": role, "content": f"say {number}" if role == "user" else f"it is {number}"}
        for number in range(first, first + 6)
        for role in ("user", "assistant")
    ]
    for first in range(0, 60, 6)
]


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return make_tokenizer(["Repeat. say it is 0123456789"], 300)


@pytest.fixture(scope="module")
def lessons(tokenizer: Any) -> list[Lesson]:
    def encode(texts: list[str]) -> list[list[int]]:
        return tokenizer(texts, add_special_tokens=False).input_ids

    return lessons_of(CHATS, encode, 2, 256, random.Random(0))


def make(tokenizer: Any) -> Any:
    import torch

    from infraray.policy.training import Size, make_model

    torch.manual_seed(0)
    return make_model(Size(300, 64, 2, 96, 1e-2, 512), tokenizer).eval()


def test_a_lesson_has_the_loss_of_its_conversations(tokenizer: Any, lessons: list[Lesson]) -> None:
    import torch

    from infraray.policy.training import loss_of

    model = make(tokenizer)
    for lesson in lessons:
        alone = 0.0
        for window in lesson.windows:
            ids = torch.tensor([[*lesson.task, *window.ids]])
            said = torch.tensor([*[False] * len(lesson.task), *window.is_answer])[1:]
            logits = model(ids).logits[0, :-1]
            alone += torch.nn.functional.cross_entropy(logits[said], ids[0, 1:][said], reduction="sum").item()
        together, counted = loss_of(model, lesson, all_tokens=False)
        assert counted == sum(sum(window.is_answer) for window in lesson.windows)
        assert together.item() == pytest.approx(alone, rel=0.01)  # in 16 bits


def test_training_teaches_the_answers(tokenizer: Any, lessons: list[Lesson]) -> None:
    import torch

    from infraray.policy.training import Size, loss_of, train

    model = make(tokenizer)

    def mean_loss() -> float:
        with torch.no_grad():
            summed = [loss_of(model, lesson, all_tokens=False) for lesson in lessons]
        return sum(loss.item() for loss, _ in summed) / sum(count for _, count in summed)

    before = mean_loss()
    train(model, lessons, Size(300, 64, 2, 96, 1e-2, 512), 25, lambda line: None, seed=0)
    assert mean_loss() < before / 5
