"""Only answers are learnt, after exactly what the model is shown when it plays."""

import pytest

from infraray.training.chat_tokens import IGNORED, labelled
from tests.training.tiny_policy import FORGETTING_TEMPLATE, tiny_tokenizer

CHAT = [
    {"role": "system", "content": "You manage servers."},
    {"role": "user", "content": "queue length 1 2 3"},
    {"role": "assistant", "content": '{"server": 3}'},
    {"role": "user", "content": '{"server": 3} work left 4'},
    {"role": "assistant", "content": '{"server": 1}'},
]


def learnt(tokenizer, one):
    return tokenizer.decode([label for label in one["labels"] if label != IGNORED])


def test_a_conversation_is_one_sequence_whose_answers_are_learnt_with_their_end():
    tokenizer = tiny_tokenizer()
    (one,) = labelled(tokenizer, CHAT, None, 4000)
    assert learnt(tokenizer, one) == '{"server": 3}<|im_end|>{"server": 1}<|im_end|>'
    shown = tokenizer.apply_chat_template(CHAT, tokenize=False)
    assert shown.startswith(tokenizer.decode(one["input_ids"]))
    assert all(label in (IGNORED, token) for token, label in zip(one["input_ids"], one["labels"], strict=True))


def test_what_is_before_an_answer_is_what_a_server_is_asked():
    tokenizer = tiny_tokenizer()
    (one,) = labelled(tokenizer, CHAT, None, 4000)
    first = next(place for place, label in enumerate(one["labels"]) if label != IGNORED)
    prompt = tokenizer.apply_chat_template(CHAT[:2], tokenize=False, add_generation_prompt=True)
    assert one["input_ids"][:first] == tokenizer.encode(prompt, add_special_tokens=False)


def test_a_template_that_rewrites_earlier_turns_makes_a_sequence_of_each():
    tokenizer = tiny_tokenizer(FORGETTING_TEMPLATE)
    one, other = labelled(tokenizer, CHAT, None, 4000)
    assert learnt(tokenizer, one) == '{"server": 3}<|im_end|>' and learnt(tokenizer, other) == '{"server": 1}<|im_end|>'
    assert "..." in tokenizer.decode(other["input_ids"])


@pytest.mark.parametrize("most", [5, 30, 60])
def test_what_is_too_long_is_cut_off(most):
    found = labelled(tiny_tokenizer(), CHAT, None, most)
    assert all(len(one["input_ids"]) == len(one["labels"]) <= most for one in found)
    assert all(any(label != IGNORED for label in one["labels"]) for one in found)
    assert found if most == 60 else most == 30 or not found
