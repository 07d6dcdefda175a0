"""The model learns from lessons what it would learn from each conversation alone."""

# mypy: disable-error-code="import-not-found,no-untyped-call,no-any-return"
from __future__ import annotations

import random
from typing import Any

import pytest

from infraray.policy.lessons import Window, batches_of, windows_of
from infraray.policy.tokenizer import make_tokenizer

pytestmark = pytest.mark.engine

SIZE = (300, 64, 2, 96, 1e-2, 512)
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
def windows(tokenizer: Any) -> list[Window]:
    def encode(texts: list[str]) -> list[list[int]]:
        return tokenizer(texts, add_special_tokens=False).input_ids

    return [*windows_of(CHATS, encode, 2, random.Random(0))]


def make(tokenizer: Any) -> Any:
    import torch

    from infraray.policy.training import Size, make_model

    torch.manual_seed(0)
    return make_model(Size(*SIZE), tokenizer).eval()


def test_a_batch_has_the_mean_loss_of_its_conversations(tokenizer: Any, windows: list[Window]) -> None:
    import torch

    from infraray.policy.training import loss_of

    model = make(tokenizer)
    for batch in batches_of(windows, 200, random.Random(0)):
        alone = torch.tensor(0.0)
        counted = 0
        for window in batch:
            ids = torch.tensor([window.ids])
            said = torch.tensor(window.is_answer[1:])
            logits = model(ids).logits[0, :-1]
            alone += torch.nn.functional.cross_entropy(logits[said], ids[0, 1:][said], reduction="sum")
            counted += int(said.sum())
        together = loss_of(model, batch, all_tokens=False)
        assert together.item() == pytest.approx(alone.item() / counted, rel=0.01)  # in 16 bits


def test_training_teaches_the_answers(tokenizer: Any, windows: list[Window]) -> None:
    import torch

    from infraray.policy.training import Size, loss_of, train

    model = make(tokenizer)

    def mean_loss() -> float:
        with torch.no_grad():
            return loss_of(model, windows, all_tokens=False).item()

    before = mean_loss()
    kept: list[float] = []
    train(model, windows, Size(*SIZE), 25, lambda line: None, kept.append, seed=0)
    assert kept[-1] == 25
    assert mean_loss() < before / 5
