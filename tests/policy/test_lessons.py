"""Conversations become windows that, behind their task, are what the template writes."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infraray.policy.lessons import Window, batches_of, windows_of
from infraray.policy.tokenizer import BEGIN, CHAT_TEMPLATE, END, make_tokenizer

TURNS = 3
TEXTS = st.text(alphabet="ab 01.{}:", min_size=1, max_size=12)
CHATS = st.lists(
    st.tuples(st.sampled_from(["play", "play well"]), st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=6)),
    min_size=1,
    max_size=5,
)


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return make_tokenizer(["play well", "server 0: 12.5 jobs\n", '{"server": 4}'], 300)


def messages(task: str, turns: list[tuple[str, str]]) -> list[dict[str, str]]:
    told = [
        {"role": role, "content": text}
        for turn in turns
        for role, text in zip(("user", "assistant"), turn, strict=True)
    ]
    return [{"role": "system", "content": task}, *told]


@given(chats=CHATS, seed=st.integers(0, 99))
def test_every_turn_is_taught_once_as_the_template_writes_it(
    tokenizer: Any, chats: list[tuple[str, list[tuple[str, str]]]], seed: int
) -> None:
    def encode(texts: list[str]) -> list[list[int]]:
        encoded: list[list[int]] = tokenizer(texts, add_special_tokens=False).input_ids
        return encoded

    windows = [*windows_of([messages(task, turns) for task, turns in chats], encode, TURNS, random.Random(seed))]
    written = {
        tokenizer.apply_chat_template(messages(task, turns[begin:end]), tokenize=False)
        for task, turns in chats
        for begin in range(len(turns))
        for end in range(begin + 1, len(turns) + 1)
    }
    taught = 0
    for window in windows:
        text = tokenizer.decode(window.ids)
        assert f"{text}\n" in written
        assert window.ids == tokenizer(text, add_special_tokens=False).input_ids
        answers = [token for token, answer in zip(window.ids, window.is_answer, strict=True) if answer]
        turns = text.split(f"{BEGIN}assistant\n")[1:]
        assert tokenizer.decode(answers) == "".join(turn.partition(END)[0] + END for turn in turns)
        assert 1 <= len(turns) <= TURNS
        taught += len(turns)
    assert taught == sum(len(turns) for _, turns in chats)


@given(lengths=st.lists(st.integers(1, 60), max_size=300), tokens=st.integers(1, 200), seed=st.integers(0, 99))
def test_a_pass_has_every_window_once_in_batches_that_fit(lengths: list[int], tokens: int, seed: int) -> None:
    windows = [Window([number] * length, [True] * length) for number, length in enumerate(lengths)]
    batches = [*batches_of(windows, tokens, random.Random(seed))]
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(len(window.ids) for window in batch) <= tokens
    assert sorted(window.ids[0] for batch in batches for window in batch) == [*range(len(lengths))]


@given(text=st.text(max_size=40).filter(lambda text: "<|" not in text))
def test_any_text_is_encoded_and_decoded_to_the_same_up_to_composed_characters(tokenizer: Any, text: str) -> None:
    import unicodedata

    encodable = unicodedata.normalize("NFC", text.encode("utf-8", "ignore").decode())
    ids = tokenizer(encodable, add_special_tokens=False).input_ids
    assert tokenizer.decode(ids, clean_up_tokenization_spaces=False) == encodable


def test_digits_and_the_line_end_after_a_message_are_tokens_of_their_own(tokenizer: Any) -> None:
    ids = tokenizer(f"12.5{END}\n{BEGIN}user\n", add_special_tokens=False).input_ids
    user = tokenizer.convert_ids_to_tokens(tokenizer("user\n").input_ids)
    assert tokenizer.convert_ids_to_tokens(ids) == ["1", "2", ".", "5", END, "Ċ", BEGIN, *user]
    assert tokenizer.eos_token == END and tokenizer.chat_template == CHAT_TEMPLATE
