"""An episode's turns as the token sequences that a trainer learns from.

A trainer reads a prompt once and everything after it in one forward pass. As long as each turn's prompt starts
exactly with the last prompt and the answer to it, an episode is one sequence, however many turns it has. A memory
that forgets, a summary that replaces turns, or a template that rewrites them breaks this; a new sequence begins
there and nowhere else (prime-rl and tinker-cookbook split by the same rule). Forks are not looked for: a prompt is
compared with the turn before it alone, which is where all of our memories continue.

Tokens are masked by their origin, not by their text: what the policy generated counts, and the same words in an
observation do not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from infraray.errors import InfrarayError, did_you_mean

Aggregation = Literal["token-mean", "token-sum", "seq-mean-token-sum", "seq-mean-token-sum-norm", "seq-mean-token-mean"]
"""The ways, by verl's names, in which a loss per token becomes one number (``actor.loss_agg_mode``)."""


class Versions(NamedTuple):
    """The oldest and the newest of the policy's versions that generated something."""

    oldest: int
    newest: int


@dataclass(frozen=True)
class TokenTurn:
    """One exchange with the policy, in tokens.

    Args:
        prompt_ids: what it read.
        answer_ids: what it generated.
        logprobs: the log-probability of each generated token, in nats, as it was drawn; None if the server gives none.
        versions: those of the policy that generated it; None if the server does not say.
        step: the episode's step in which it was asked, from 0.
    """

    prompt_ids: Sequence[int]
    answer_ids: Sequence[int]
    logprobs: Sequence[float] | None = None
    versions: Versions | None = None
    step: int = 0

    def __post_init__(self) -> None:
        if self.logprobs is not None and len(self.logprobs) != len(self.answer_ids):
            raise ValueError(f"{len(self.logprobs)} log-probabilities for {len(self.answer_ids)} generated tokens")


@dataclass(frozen=True)
class Lengths:
    """The most tokens that a sequence may have.

    Args:
        prompt: in its prompt.
        response: after it: answers, and what the policy was told between them.
    """

    prompt: int
    response: int


@dataclass(frozen=True)
class TokenSequence:
    """What one forward pass of the trainer reads. The three lists of the response are equally long.

    Args:
        prompt_ids: the first turn's prompt.
        response_ids: all after it; the last token is a generated one.
        response_mask: 1 for a generated token, 0 for one that the policy was told.
        response_logprobs: of generated tokens as they were drawn, 0.0 for the others; None if any is unknown.
        answer_steps: for each answer in it, the episode's step in which it was given.
        versions: the oldest and newest of all its answers; None if any is unknown.
    """

    prompt_ids: tuple[int, ...]
    response_ids: tuple[int, ...]
    response_mask: tuple[int, ...]
    response_logprobs: tuple[float, ...] | None
    answer_steps: tuple[int, ...]
    versions: Versions | None

    @property
    def turns(self) -> int:
        """The number of answers in it."""
        return len(self.answer_steps)

    @property
    def generated(self) -> int:
        """The number of generated tokens."""
        return sum(self.response_mask)

    @property
    def token_steps(self) -> list[int]:
        """For each token of the response, the episode's step in which it was generated; -1 for what was told."""
        steps, step, found = iter(self.answer_steps), -1, []
        for place, is_own in enumerate(self.response_mask):
            # The template stands between two answers.
            if is_own and (place == 0 or not self.response_mask[place - 1]):
                step = next(steps)
            found.append(step if is_own else -1)
        return found


class _Open:
    """A sequence that the next turn may continue."""

    def __init__(self, first: TokenTurn) -> None:
        self.prompt_ids = list(first.prompt_ids)
        self.ids = list(first.prompt_ids)
        """Prompt and response."""
        self.mask: list[int] = []
        self.turns: list[TokenTurn] = []
        self.add(first)

    def is_continued_by(self, prompt_ids: Sequence[int]) -> bool:
        return len(prompt_ids) >= len(self.ids) and list(prompt_ids[: len(self.ids)]) == self.ids

    def add(self, turn: TokenTurn) -> None:
        """Adds a turn whose prompt starts with all that is here."""
        told = list(turn.prompt_ids[len(self.ids) :])
        self.ids += told + list(turn.answer_ids)
        self.mask += [0] * len(told) + [1] * len(turn.answer_ids)
        self.turns.append(turn)

    def response_tokens(self, prompt_ids: Sequence[int]) -> int:
        """The length of the response up to the answer to a prompt that continues it."""
        return len(prompt_ids) - len(self.prompt_ids)

    def close(self) -> TokenSequence:
        logprobs: list[float] | None = [0.0] * len(self.mask)
        generated = iter([place for place, one in enumerate(self.mask) if one])
        for turn in self.turns:
            if turn.logprobs is None:
                logprobs = None
                break
            for logprob in turn.logprobs:
                assert logprobs is not None
                logprobs[next(generated)] = float(logprob)
        return TokenSequence(
            tuple(self.prompt_ids),
            tuple(self.ids[len(self.prompt_ids) :]),
            tuple(self.mask),
            None if logprobs is None else tuple(logprobs),
            tuple(turn.step for turn in self.turns),
            span([turn.versions for turn in self.turns]),
        )


class Sequences:
    """The sequences of an episode that is being played.

    Args:
        lengths: their bounds.
    """

    def __init__(self, lengths: Lengths) -> None:
        self.lengths = lengths
        self._closed: list[TokenSequence] = []
        self._open: _Open | None = None

    def has_room(self, prompt_ids: Sequence[int], answer_tokens: int) -> bool:
        """Whether the next turn fits.

        An episode ends before a turn for whose whole answer there is no room: an answer that the bound cut off would
        be an invalid one, for which the policy is not to blame.

        Args:
            prompt_ids: its prompt.
            answer_tokens: the most that its answer may have.
        """
        if self._open is not None and self._open.is_continued_by(prompt_ids):
            return self._open.response_tokens(prompt_ids) + answer_tokens <= self.lengths.response
        return len(prompt_ids) <= self.lengths.prompt and answer_tokens <= self.lengths.response

    def add(self, turn: TokenTurn) -> None:
        """Adds a turn. One without a generated token teaches nothing: the next prompt is compared without it.

        Raises:
            ValueError: it does not fit, see `has_room`.
        """
        if not turn.answer_ids:
            return
        if not self.has_room(turn.prompt_ids, len(turn.answer_ids)):
            told, said = len(turn.prompt_ids), len(turn.answer_ids)
            raise ValueError(f"a turn of {told} + {said} tokens does not fit into {self.lengths}")
        if self._open is not None and self._open.is_continued_by(turn.prompt_ids):
            self._open.add(turn)
            return
        if self._open is not None:
            self._closed.append(self._open.close())
        self._open = _Open(turn)

    def all(self) -> list[TokenSequence]:
        """The sequences so far, each with a generated token at its end; none if nothing was generated."""
        return self._closed if self._open is None else [*self._closed, self._open.close()]


def sequences_of(turns: Iterable[TokenTurn], lengths: Lengths) -> list[TokenSequence]:
    """The sequences of a whole episode, oldest first.

    Raises:
        ValueError: a turn does not fit into the lengths.
    """
    found = Sequences(lengths)
    for turn in turns:
        found.add(turn)
    return found.all()


def row_weights(sequences: Sequence[TokenSequence], aggregation: str) -> list[float]:
    """The factor on each sequence's advantage with which an episode counts as much as if it were one sequence.

    A trainer gives every sequence of an episode the episode's advantage and then adds up, so that an episode may count
    as often as its memory forgot. What is added up differs:

    - ``seq-mean-token-mean``: the mean of each row's tokens, all rows alike. A sequence's weight is its share of the
      episode's generated tokens, and every episode counts once, be it long or short.
    - all others, of them ``token-mean``, verl's default: tokens. Those are the same ones however an episode is split,
      so that the weights are 1; a long episode counts more than a short one, split or not.

    In the ``seq-mean`` modes verl divides by the number of rows, not of episodes: one factor for a whole batch, which
    changes the size of a step but not what counts against what. Weights other than 1 are the caller's to apply, to the
    advantages: verl has no column for them (`infraray.training.agent_loop` refuses to split episodes where it would
    take some).

    Args:
        sequences: those of one episode.
        aggregation: see `Aggregation`.

    Raises:
        InfrarayError: the aggregation is unknown.
    """
    if aggregation not in get_args(Aggregation):
        known = did_you_mean(aggregation, get_args(Aggregation))
        raise InfrarayError(f"loss_agg_mode={aggregation!r}: cannot weigh the sequences of an episode; {known}")
    if aggregation != "seq-mean-token-mean":
        return [1.0] * len(sequences)
    total = sum(sequence.generated for sequence in sequences)
    return [sequence.generated / total for sequence in sequences]


def span(versions: Sequence[Versions | None]) -> Versions | None:
    """The oldest and the newest of several; None if any is unknown."""
    known = [one for one in versions if one is not None]
    if not known or len(known) < len(versions):
        return None
    return Versions(min(one.oldest for one in known), max(one.newest for one in known))
