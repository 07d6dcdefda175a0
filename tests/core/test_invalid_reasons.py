"""Why an answer was not valid can be told, written and read, whatever the answer was."""

import pytest

from infraray.environment import MAX_REASON_LENGTH, TEXT_CHARACTERS
from infraray.errors import InvalidAction
from tests.core.toy import Lamp


class Quoting(Lamp):
    """Quotes an answer as it is, as a scenario does that names a setting it does not know."""

    def parse_action(self, text):
        raise InvalidAction(f"{text}: no such setting")


@pytest.mark.parametrize("said", ["\ud83d", "\N{GRINNING FACE}", "x" * 100_000, "\ud83d" * 100_000])
def test_a_reason_is_printable_and_bounded_where_it_is_told_and_where_it_is_kept(said):
    environment = Quoting()
    environment.reset(seed=1)
    observation, _, _, _, info = environment.step(said)
    assert 0 < len(info["reason"]) <= MAX_REASON_LENGTH
    assert set(info["reason"]) <= set(TEXT_CHARACTERS)
    assert f"not valid: {info['reason']}\n" in observation["text_observation"]
