"""The sequences of an episode hold every generated token once, as it was drawn, whatever its memory forgets."""

import math
from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infraray.errors import InfrarayError
from infraray.training.sequences import (
    Aggregation,
    Lengths,
    Sequences,
    TokenTurn,
    Versions,
    row_weights,
    sequences_of,
)

LONG = Lengths(10_000, 10_000)
tokens = st.lists(st.integers(0, 3), max_size=5)


@st.composite
def episodes(draw, lossless=False):
    """Turns whose prompts extend the last one, or forget; few different tokens, so that chance prefixes occur."""
    turns: list[TokenTurn] = []
    for number in range(draw(st.integers(0, 6))):
        told = draw(tokens)
        if turns and (lossless or draw(st.booleans())):
            told = [*turns[-1].prompt_ids, *turns[-1].answer_ids, *told]
        said = draw(tokens)
        logprobs = [-draw(st.floats(0, 9)) for _ in said]
        turns.append(TokenTurn(told, said, logprobs, Versions(number // 2, number)))
    return turns


def fixed(prompt, answer):
    return TokenTurn(prompt, answer, [-1.0] * len(answer))


@given(episodes())
def test_every_generated_token_is_there_once_in_order_and_with_its_log_probability(turns):
    drawn = [pair for turn in turns for pair in zip(turn.answer_ids, turn.logprobs, strict=True)]
    found = [
        (token, logprob)
        for sequence in sequences_of(turns, LONG)
        for token, own, logprob in zip(
            sequence.response_ids, sequence.response_mask, sequence.response_logprobs, strict=True
        )
        if own
    ]
    assert found == drawn


@given(episodes())
def test_each_answer_stands_after_exactly_the_prompt_it_was_drawn_for(turns):
    contexts = []
    for sequence in sequences_of(turns, LONG):
        ids = list(sequence.prompt_ids)
        for token, own in zip(sequence.response_ids, sequence.response_mask, strict=True):
            if own:
                contexts.append((tuple(ids), token))
            ids.append(token)
    drawn = [
        ((*turn.prompt_ids, *turn.answer_ids[:place]), token)
        for turn in turns
        for place, token in enumerate(turn.answer_ids)
    ]
    assert contexts == drawn


@given(episodes())
def test_every_sequence_ends_with_a_generated_token_and_starts_with_none(turns):
    """verl reads an episode's advantage in its last row, at the first generated token."""
    for sequence in sequences_of(turns, LONG):
        assert sequence.response_mask[-1] == 1
        assert sequence.response_mask[0] == 1
        lengths = {len(sequence.response_ids), len(sequence.response_mask), len(sequence.response_logprobs)}
        assert len(lengths) == 1


@given(episodes(lossless=True))
def test_an_episode_that_forgets_nothing_is_one_sequence(turns):
    spoken = [turn for turn in turns if turn.answer_ids]
    found = sequences_of(turns, LONG)
    assert len(found) == min(1, len(spoken))
    if found:
        assert found[0].turns == len(spoken)
        assert found[0].versions == Versions(spoken[0].versions.oldest, spoken[-1].versions.newest)


def test_a_new_sequence_begins_only_where_the_prompt_does_not_continue_the_last_turn():
    turns = [fixed([1, 2], [3]), fixed([1, 2, 3, 4], [5]), fixed([1, 4], [6]), fixed([1, 4, 6, 7], [8, 9])]
    first, second = sequences_of(turns, LONG)
    assert (first.prompt_ids, first.response_ids, first.response_mask) == ((1, 2), (3, 4, 5), (1, 0, 1))
    assert (second.prompt_ids, second.response_ids, second.response_mask) == ((1, 4), (6, 7, 8, 9), (1, 0, 1, 1))
    assert first.response_logprobs == (-1.0, 0.0, -1.0)


def test_what_was_told_is_masked_though_it_repeats_what_was_generated():
    (sequence,) = sequences_of([fixed([1], [7, 7]), fixed([1, 7, 7, 7, 7], [7])], LONG)
    assert sequence.response_mask == (1, 1, 0, 0, 1)


def test_an_unknown_log_probability_or_version_makes_that_of_the_sequence_unknown():
    known = TokenTurn([1], [2], [-0.5], Versions(3, 3))
    unknown = TokenTurn([1, 2, 3], [4])
    (sequence,) = sequences_of([known, unknown], LONG)
    assert sequence.response_logprobs is None
    assert sequence.versions is None


def test_a_turn_has_a_log_probability_for_each_token():
    with pytest.raises(ValueError, match="1 log-probabilities for 2"):
        TokenTurn([1], [2, 3], [-0.5])


@given(episodes(), st.integers(0, 12), st.integers(1, 12), st.integers(1, 5))
def test_an_episode_that_ends_before_the_first_turn_without_room_stays_within_the_lengths(
    turns, prompt, response, answer_tokens
):
    lengths = Lengths(prompt, response)
    sequences = Sequences(lengths)
    for turn in turns:
        if not sequences.has_room(turn.prompt_ids, answer_tokens):
            break
        said = turn.answer_ids[:answer_tokens]
        sequences.add(replace(turn, answer_ids=said, logprobs=turn.logprobs[: len(said)]))
    for sequence in sequences.all():
        assert len(sequence.prompt_ids) <= prompt
        assert len(sequence.response_ids) <= response


def test_a_turn_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="does not fit"):
        sequences_of([fixed([1, 2, 3], [4])], Lengths(2, 10))
    with pytest.raises(ValueError, match="does not fit"):
        sequences_of([fixed([1], [2]), fixed([1, 2, 3, 4], [5])], Lengths(2, 3))


def aggregated(rows, aggregation):
    """A batch's loss without its denominator, from rows of (weight, losses of the generated tokens)."""
    if aggregation == "seq-mean-token-mean":
        return sum(weight * sum(losses) / len(losses) for weight, losses in rows)
    return sum(weight * sum(losses) for weight, losses in rows)


@pytest.mark.parametrize("aggregation", get_args(Aggregation))
@given(turns=episodes().filter(lambda turns: any(turn.answer_ids for turn in turns)))
def test_an_episode_counts_as_much_in_several_sequences_as_in_one(aggregation, turns):
    """The log-probabilities stand in for the losses of the tokens."""
    sequences = sequences_of(turns, LONG)
    losses = [
        [loss for loss, own in zip(one.response_logprobs, one.response_mask, strict=True) if own] for one in sequences
    ]
    weights = row_weights(sequences, aggregation)
    split = aggregated(list(zip(weights, losses, strict=True)), aggregation)
    whole = aggregated([(1.0, [loss for row in losses for loss in row])], aggregation)
    assert math.isclose(split, whole, rel_tol=1e-9, abs_tol=1e-9)


def test_an_aggregation_that_cannot_be_weighed_is_refused():
    with pytest.raises(
        InfrarayError, match="cannot weigh the sequences of an episode; did you mean seq-mean-token-sum"
    ):
        row_weights([], "seq-mean-token-summ")
