"""Decoded exchanges: events and their times, text, tokens, and whether each is a success."""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from infraray.characters import whole_characters
from infraray.load.connection import chunk_size
from infraray.load.exchange import Exchange, Failure
from infraray.load.requests import Request
from infraray.protocol.answers import finish_reason, first_choice, message_of, reasoning_of, spoken, token_count
from infraray.protocol.documents import Documents, NoJSON
from infraray.protocol.ends import end_of
from infraray.protocol.errors import stated_error, stated_status

_REASON_LENGTH = 300


@dataclass(frozen=True)
class Response:
    """The answer to one request; times are in seconds from the start of the measurement.

    Args:
        request: the request's index in its set.
        due_s: when the schedule wanted it sent.
        sent_s: when it was sent; None if it never was.
        first_chunk_s: when the first event with a choice arrived, with or without text.
        text_times_s: when each event with text arrived; the first is the first token seen.
        last_s: when the event with the finish reason arrived: the last token.
        finished_s: when the answer ended, or failed.
        text: everything that was generated, including reasoning.
        finish_reason: the server's own.
        asked_tokens: the requested output length.
        prompt_tokens: the server's count, None if it gave none.
        output_tokens: the server's count, None if it gave none.
        text_tokens: our count of the text. It may differ from an honest server's: the generated tokens need not be
            those that the text encodes to.
        send_lag_s: delay from when it could be sent to when it was, caused by the client.
        receive_lag_s: the longest time that bytes of the answer waited to be read, caused by the client.
        failure: the kind of failure; None for a success.
        reason: the failure in words.
        first_token_s: when the first event arrived that is more than the role that opens a chat, with or without text.
    """

    request: int
    due_s: float
    sent_s: float | None
    first_chunk_s: float | None
    text_times_s: tuple[float, ...]
    last_s: float | None
    finished_s: float
    text: str
    finish_reason: str | None
    asked_tokens: int
    prompt_tokens: int | None
    output_tokens: int | None
    text_tokens: int
    send_lag_s: float
    receive_lag_s: float
    failure: Failure | None
    reason: str
    first_token_s: float | None = None

    @property
    def silent(self) -> bool:
        """Whether it ended properly but without any text: the generated tokens decode to nothing."""
        return self.failure == "incomplete" and self.finish_reason is not None and not self.text_times_s

    @property
    def began_s(self) -> float | None:
        """When the output began: its first text, or its first chunk if it has no text.

        None if unknown: it failed, or it is silent and its only chunk is its last.
        """
        if self.failure is None:
            return self.text_times_s[0]
        first = self.first_chunk_s if self.first_token_s is None else self.first_token_s
        apart = self.silent and first is not None and self.last_s is not None and first < self.last_s
        return first if apart else None

    @property
    def tokens(self) -> int:
        """Output tokens: the server's count, or ours if it gave none."""
        return self.text_tokens if self.output_tokens is None else self.output_tokens


class _Fault(Exception):
    def __init__(self, failure: Failure, reason: str) -> None:
        super().__init__(reason)
        self.failure: Failure = failure


def read_response(exchange: Exchange, request: Request, count_text: Callable[[str], int], ignore_eos: bool) -> Response:
    """Decodes an exchange. Faults become failures of the response, never exceptions.

    Args:
        exchange: as the load generator recorded it.
        request: the request.
        count_text: counts the tokens of a text with the model's own tokenizer.
        ignore_eos: whether the output had to have its full length.
    """
    stream = _Stream()
    failure, reason = exchange.failure, exchange.reason
    try:
        if exchange.body_start:
            _read_body(exchange, stream)
        if failure is None:
            _judge(stream, request, ignore_eos)
    except _Fault as fault:
        # Faults on the wire came first.
        if failure is None:
            failure, reason = fault.failure, str(fault)
    text = whole_characters("".join(stream.texts))
    text_tokens = count_text(text)
    sent = exchange.ready_s if exchange.sent_s is None else exchange.sent_s
    return Response(
        request=exchange.index,
        due_s=exchange.due_s,
        sent_s=exchange.sent_s,
        first_chunk_s=stream.first_chunk_s,
        text_times_s=tuple(stream.text_times),
        last_s=stream.last_s,
        finished_s=exchange.finished_s,
        text=text,
        finish_reason=stream.finish_reason,
        asked_tokens=request.output_tokens,
        prompt_tokens=stream.prompt_tokens,
        output_tokens=stream.output_tokens,
        text_tokens=text_tokens,
        send_lag_s=sent - exchange.ready_s,
        receive_lag_s=exchange.receive_lag_s,
        failure=failure,
        reason=reason[:_REASON_LENGTH],
        first_token_s=stream.first_token_s,
    )


class _Stream:
    """The content of the events so far."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.text_times: list[float] = []
        self.first_chunk_s: float | None = None
        self.first_token_s: float | None = None
        self.last_s: float | None = None
        self.finish_reason: str | None = None
        self.prompt_tokens: int | None = None
        self.output_tokens: int | None = None
        self.claims_less_than_none = False

    def take(self, document: Any, at: float) -> None:
        """Processes an event, or the whole body.

        Raises:
            _Fault: it is an error, or not part of OpenAI's protocol.
        """
        error = stated_error(document)
        if error is not None:
            status = stated_status(error)
            if status is not None:
                raise _Fault("refused", f"the stream said, inside HTTP 200: {status}: {error}")
            raise _Fault("server_error", f"the stream said: {error}")
        if not isinstance(document, dict):
            raise _Fault("malformed", f"the event {str(document)[:80]!r} is not an object")
        try:
            if document.get("choices"):
                self._take_choice(first_choice(document["choices"]), at)
        except (AttributeError, KeyError, TypeError, ValueError, IndexError) as error:
            raise _Fault("malformed", f"an event does not follow OpenAI's protocol: {error!r}") from None
        usage = document.get("usage")
        if usage:
            self.prompt_tokens = token_count(usage, "prompt_tokens")
            self.output_tokens = token_count(usage, "completion_tokens")
            self.claims_less_than_none = _is_negative(usage)

    def _take_choice(self, choice: dict[str, Any], at: float) -> None:
        delta = message_of(choice)
        said, thoughts, refusal = spoken(
            reasoning_of(delta), choice.get("text") or delta.get("content"), delta.get("refusal")
        )
        text = thoughts + said + refusal
        reason = finish_reason(choice)
        if self.first_chunk_s is None:
            self.first_chunk_s = at
        opens = "role" in delta and not text and reason is None and self.first_chunk_s == at
        if self.first_token_s is None and not opens:
            self.first_token_s = at
        if text:
            self.texts.append(text)
            self.text_times.append(at)
        if reason is not None:
            self.finish_reason = reason
            self.last_s = at


def _read_body(exchange: Exchange, stream: _Stream) -> None:
    """Decodes the body.

    Raises:
        _Fault: the status or the body is wrong.
    """
    body, ends = _unframe(exchange)
    if exchange.status != 200:
        said = " ".join(body.decode(errors="replace").split())
        raise _Fault("refused", f"HTTP {exchange.status}: {said}")
    documents = Documents()
    try:
        for document, end in itertools.chain(documents.feed(body), documents.close()):
            stream.take(document, exchange.read_times[bisect_left(exchange.read_ends, ends(end))])
    except NoJSON as error:
        raise _Fault("malformed", str(error)) from None


def _unframe(exchange: Exchange) -> tuple[bytes, Callable[[int], int]]:
    """The body without its chunked framing, and a map from its offsets to those of the received bytes."""
    received, start = exchange.received, exchange.body_start
    if not exchange.chunked:
        return bytes(received[start:]), lambda position: start + position
    pieces, froms = [], []
    while (line_end := received.find(b"\r\n", start)) >= 0:
        try:
            size = chunk_size(received[start:line_end])
        except ValueError:
            break  # The load generator has already marked it as failed.
        if size == 0:
            break
        froms.append(line_end + 2)
        pieces.append(bytes(received[line_end + 2 : line_end + 2 + size]))
        start = line_end + 2 + size + 2
    sizes = list(accumulate(map(len, pieces)))

    def ends(position: int) -> int:
        piece = bisect_left(sizes, position)
        return froms[piece] + position - (sizes[piece - 1] if piece else 0)

    return b"".join(pieces), ends


def _is_negative(usage: Any) -> bool:
    count = usage.get("completion_tokens") if isinstance(usage, dict) else None
    return isinstance(count, int | float) and count < 0


def _judge(stream: _Stream, request: Request, ignore_eos: bool) -> None:
    """Whether a stream that ended well is a success.

    Raises:
        _Fault: it is not a success.
    """
    if stream.finish_reason is None:
        raise _Fault("incomplete", "the stream ended without a finish reason")
    if end_of(stream.finish_reason) == "broken":
        raise _Fault("server_error", f"the server broke off: finish_reason {stream.finish_reason!r}")
    if not stream.text_times:
        raise _Fault("incomplete", "the stream held no text")
    tokens, asked = stream.output_tokens, request.output_tokens
    if stream.claims_less_than_none:
        raise _Fault("wrong_length", "the server counts a negative number of output tokens")
    if tokens is None:
        # Our own count of the text is not exact enough, so only the server's reason remains.
        if ignore_eos and end_of(stream.finish_reason) != "cut":
            raise _Fault("wrong_length", f"ended with reason {stream.finish_reason!r} and without usage")
    elif not 0 < tokens <= asked or (tokens < asked and ignore_eos):
        raise _Fault("wrong_length", f"{tokens} output tokens instead of {asked}")
