"""What a server means by refusing a request, in the words of servers that exist."""

import pytest

from infraray.agents.chat.failures import ContextOverflow, Unsupported, what_was_refused

SENT = {"messages", "max_tokens", "stream", "response_format"}


@pytest.mark.parametrize(
    ("reason", "context_tokens"),
    [
        ("This model's maximum context length is 4096 tokens. However, you requested 5000 tokens", 4096),
        (
            "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000 `inputs` tokens "
            "and 512 `max_new_tokens`",
            4096,
        ),
        ("Input validation error: `inputs` must have less than 1024 tokens. Given: 2000", 1024),
        ("The input (9000 tokens) is longer than the model's context length (8192 tokens).", 8192),
        ("prompt is too long", None),
    ],
)
def test_a_prompt_that_is_too_long_is_known_by_its_wording(reason: str, context_tokens: int | None) -> None:
    refusal = what_was_refused(reason, None, SENT)
    assert isinstance(refusal, ContextOverflow) and refusal.context_tokens == context_tokens


@pytest.mark.parametrize(
    ("reason", "named", "option", "is_guess"),
    [
        ("response_format is not supported", None, "response_format", False),
        ("Unsupported value", "response_format", "response_format", False),
        ("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.", None, "max_tokens", False),
        ("Input validation error: input must be a string", None, "response_format", True),
        ("no grammar for this schema", None, "response_format", True),
    ],
)
def test_only_what_names_the_option_is_no_guess(reason: str, named: str | None, option: str, is_guess: bool) -> None:
    refusal = what_was_refused(reason, named, SENT)
    assert isinstance(refusal, Unsupported) and (refusal.option, refusal.is_guess) == (option, is_guess)
