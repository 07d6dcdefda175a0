"""What the policy generated keeps its tokens, and what it is shown is what a server would show it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infraray.agents.chat.messages import assistant, task, user
from infraray.training.prompt_tokens import PromptTokens
from tests.training.tiny_policy import FORGETTING_TEMPLATE, tiny_tokenizer

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
TOKENIZER = tiny_tokenizer()
END = TOKENIZER.eos_token_id
answers = st.lists(st.integers(0, len(TOKENIZER) - 1), min_size=1, max_size=8)
texts = st.text(max_size=20)


def rendered(messages):
    text = TOKENIZER.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    return TOKENIZER.encode(text, add_special_tokens=False)


@given(st.lists(st.tuples(texts, answers, st.booleans()), min_size=1, max_size=4))
def test_prompts_say_what_a_server_would_say_and_keep_what_was_generated(turns):
    """Answers are any tokens: halves of characters, marks of the template, cut off or not."""
    tokens = PromptTokens(TOKENIZER)
    messages = [task("Play.")]
    before = None
    for told, answer, ends in turns:
        messages.append(user(told))
        prompt = tokens.prompt_ids(messages)
        assert TOKENIZER.decode(prompt) == TOKENIZER.decode(rendered(messages))
        said = [*answer, END] if ends else answer
        tokens.answered(prompt, said)
        text = tokens.spoken(said)
        messages.append(assistant(text))
        is_plain = TOKENIZER.decode(answer) == text and "<|" not in text
        if before is not None and before[1]:
            assert prompt[: len(before[0])] == before[0]
        before = [*prompt, *said], is_plain


def test_the_end_of_an_answer_that_was_cut_off_is_told():
    tokens = PromptTokens(TOKENIZER)
    messages = [user("1?")]
    prompt = tokens.prompt_ids(messages)
    cut = TOKENIZER.encode("the server", add_special_tokens=False)
    tokens.answered(prompt, cut)
    following = tokens.prompt_ids([*messages, assistant("the server"), user("2?")])
    assert following[: len(prompt) + len(cut)] == [*prompt, *cut]
    assert following[len(prompt) + len(cut)] == END


def test_an_answer_is_not_tokenised_again():
    """Letter by letter is not how the tokenizer would have written it."""
    tokens = PromptTokens(TOKENIZER)
    messages = [user("1?")]
    prompt = tokens.prompt_ids(messages)
    letters = [TOKENIZER.encode(letter, add_special_tokens=False)[0] for letter in "server"]
    assert TOKENIZER.encode("server", add_special_tokens=False) != letters
    tokens.answered(prompt, [*letters, END])
    following = tokens.prompt_ids([*messages, assistant("server"), user("2?")])
    assert following[len(prompt) :][: len(letters)] == letters
    assert len(following) > len(rendered([*messages, assistant("server"), user("2?")]))


@pytest.mark.parametrize("said", ["serve", " server", "server\n", "another"])
def test_an_answer_that_is_told_differently_is_tokenised_as_a_server_would(said):
    tokens = PromptTokens(TOKENIZER)
    messages = [user("1?")]
    prompt = tokens.prompt_ids(messages)
    tokens.answered(prompt, [*TOKENIZER.encode("server", add_special_tokens=False), END])
    following = [*messages, assistant(said), user("2?")]
    assert tokens.prompt_ids(following) == rendered(following)


def test_a_template_that_rewrites_earlier_turns_is_followed():
    tokenizer = tiny_tokenizer(FORGETTING_TEMPLATE)
    tokens = PromptTokens(tokenizer)
    messages = [user("1?")]
    prompt = tokens.prompt_ids(messages)
    answer = [*tokenizer.encode("server", add_special_tokens=False), END]
    tokens.answered(prompt, answer)
    following = tokens.prompt_ids([*messages, assistant("server"), user("2?")])
    assert "server" not in tokenizer.decode(following)
    assert following[: len(prompt) + len(answer)] != [*prompt, *answer]


def test_an_answer_is_cut_if_it_uses_all_its_tokens_without_an_end():
    tokens = PromptTokens(TOKENIZER)
    assert tokens.is_cut([5, 6], 2)
    assert not tokens.is_cut([5, END], 2)
    assert not tokens.is_cut([5, 6], 3)
