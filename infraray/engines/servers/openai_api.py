"""OpenAI's protocol over HTTP for one model: what our servers share, whatever library computes.

It stands beside a server's program, imports the standard library alone and so runs in any environment. A program says
in a `Model` how prompts become tokens, tokens become more and these become text; the rest is here.

Served are ``/v1/models``, ``/v1/chat/completions`` and ``/v1/completions``, streamed or not, with ``max_tokens``,
``temperature``, ``top_p``, ``seed``, ``stop``, ``ignore_eos``, ``stream_options.include_usage`` and, for chats,
``logprobs``, ``top_logprobs`` and vLLM's ``return_token_ids``. Greedy unless a temperature is asked for. A completion
may have a list of prompts. What a server does not do it refuses with a reason, rather than leave it undone.

Beyond that protocol, ``/v1/likelihood`` takes ``messages`` or ``prompt``, ``text`` and ``top_logprobs``,
and says how likely the model finds the text as its answer: an entry a token, in the form of ``logprobs``.

One-time costs must not fall into a measurement, and least of all be paid at every token:

- One thread computes, whatever the connections: libraries keep for every thread what they have built (handles, plans,
  workers), and a server has a thread a connection.
- Before it answers anybody, a server reads prompts of doubling lengths and decodes, which loads kernels, chooses
  algorithms and takes memory; and objects that the imports left behind are no longer scanned for garbage.
"""

from __future__ import annotations

import argparse
import gc
import json
import re
import sys
import time
import traceback
import urllib.parse
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

DEFAULT_MAX_TOKENS = 256
MAX_TOP_LOGPROBS = 20
"""As OpenAI's."""
MAX_BODY_BYTES = 64 * 2**20
WARM_UP_TOKENS = 4
"""Decoded after each prompt."""
WARM_UP_S = 0.25
"""A prompt that takes longer ends the warm-up: compared with even longer ones, one-time costs are small."""
LONGEST_WARM_UP = 8192
"""Tokens of a prompt; beyond, plain attention (float32 with grouped heads) takes gigabytes."""

READ = {
    *("model", "messages", "prompt", "text", "max_tokens", "max_completion_tokens", "temperature", "top_p", "seed"),
    *("stop", "ignore_eos", "stream", "stream_options", "logprobs", "top_logprobs", "n"),
    "return_token_ids",
}
"""The parameters that a request may have."""

NEUTRAL: dict[str, tuple[Any, ...]] = {
    "n": (1,),
    "best_of": (1,),
    "tools": ([],),
    "tool_choice": ("none", "auto"),
    "parallel_tool_calls": (True, False),
    "functions": ([],),
    "function_call": ("none", "auto"),
    "logit_bias": ({},),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "repetition_penalty": (1,),
    "length_penalty": (1,),
    "min_p": (0,),
    "min_tokens": (0,),
    "top_k": (-1, 0),
    "echo": (False,),
    "suffix": ("",),
    "use_beam_search": (False,),
    "response_format": ({"type": "text"},),
    "modalities": (["text"],),
    "skip_special_tokens": (True,),
}
"""Parameters that this server does not support, with the values that ask for nothing."""

IGNORED = {"user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key", "request_id"}
"""Parameters that do not affect the answer."""


class BadRequest(Exception):
    """An error that a client can fix."""


@dataclass(frozen=True)
class Sampling:
    """A request's parameters, without its prompt."""

    max_tokens: int
    temperature: float
    top_p: float
    seed: int | None
    stop: tuple[str, ...]
    ignore_eos: bool
    top_logprobs: int | None
    """The number of alternatives reported per token; None omits even the token's own log-probability."""
    token_ids: bool = False
    """Whether tokens are told, too; then the one that ends the answer is among them and has its log-probability."""


class Piece(NamedTuple):
    """What comes of an answer at once.

    Args:
        text: new text.
        so_far: the answer's tokens up to here.
        reason: why the answer ends; None as long as it goes on.
        entries: log-probabilities of new tokens, if they are asked for.
        tokens: new tokens.
    """

    text: str
    so_far: int
    reason: str | None
    entries: Sequence[dict[str, Any]] = ()
    tokens: Sequence[int] = ()


GREEDY = Sampling(DEFAULT_MAX_TOKENS, 0.0, 1.0, None, (), True, None)
"""The likeliest token each time, as many as are asked for."""


class Model(ABC):
    """A model, its tokenizer and the loop that decodes, of one library."""

    context: int
    """Tokens of the longest sequence."""
    num_tokens: int
    """How many tokens it knows."""
    eos: set[int]
    """Tokens that end an answer."""
    without_text: set[int]
    """Tokens that leave no text: those and the tokenizer's other special ones."""

    @abstractmethod
    def encode_chat(self, messages: list[dict[str, Any]]) -> list[int]:
        """The tokens of a conversation, up to where the assistant begins.

        Raises:
            BadRequest: the model has no chat template, or cannot read the messages.
        """

    @abstractmethod
    def encode(self, text: str) -> list[int]:
        """The tokens of a plain prompt.

        Raises:
            BadRequest: the tokenizer cannot read it.
        """

    @abstractmethod
    def decode(self, tokens: list[int]) -> str:
        """The text of tokens, without special ones; broken characters are U+FFFD."""

    @abstractmethod
    def generate(self, prompt: list[int], sampling: Sampling) -> Iterator[tuple[int, Any]]:
        """Yields tokens, the end-of-sequence token included, each with the logits that it was chosen from."""

    @abstractmethod
    def likelihood(self, prompt: list[int], text: str, top_logprobs: int) -> list[dict[str, Any]]:
        """How likely each token of ``text`` is as the answer to ``prompt``.

        Ends before the first token in whose place the model would rather say one that leaves no
        text, such as the end of the sequence: what follows it was generated after something that
        the text does not show.
        """

    @abstractmethod
    def entry(self, token: int, logits: Any, top_logprobs: int) -> dict[str, Any]:
        """A token's log-probability and those of the most likely ones in its place, before any temperature."""

    def computing(self) -> AbstractContextManager[object]:
        """What holds while the model computes."""
        return nullcontext()

    def warm_up(self) -> None:
        """Reads prompts of doubling lengths and decodes, each twice: the first time says little about the next."""
        some = next(token for token in range(self.num_tokens) if token not in self.without_text)
        sampling = replace(GREEDY, max_tokens=WARM_UP_TOKENS)
        length, took_s = 1, 0.0
        while length <= min(LONGEST_WARM_UP, self.context - WARM_UP_TOKENS) and took_s < WARM_UP_S:
            for _ in range(2):
                began = time.monotonic()
                for _ in self.text([some] * length, sampling):
                    pass
                took_s = time.monotonic() - began
            length *= 2
        gc.collect()
        gc.freeze()

    def text(self, prompt: list[int], sampling: Sampling) -> Iterator[Piece]:
        """Yields the answer as it comes."""
        tokens: list[int] = []
        ending: tuple[list[dict[str, Any]], list[int]] = [], []
        sent = 0
        longest_stop = max(map(len, sampling.stop), default=0)
        reason = "length"
        for token, logits in self.generate(prompt, sampling):
            tokens.append(token)
            is_end = token in self.eos and not sampling.ignore_eos
            is_told = sampling.top_logprobs is not None and (sampling.token_ids or not is_end)
            entries = [self.entry(token, logits, sampling.top_logprobs or 0)] if is_told else []
            if is_end:
                reason, ending = "stop", (entries, [token])
                break
            text = self.decode(tokens)
            found = [at for at in (text.find(stop) for stop in sampling.stop) if at >= 0]
            if found:
                yield Piece(text[sent : min(found)], len(tokens), "stop", entries, [token])
                return
            # Half a character, and what may be the beginning of a stop text, wait for the next token.
            safe = len(text.rstrip("\ufffd")) - max(0, longest_stop - 1)
            yield Piece(text[sent:safe] if safe > sent else "", len(tokens), None, entries, [token])
            sent = max(sent, safe)
        yield Piece(self.decode(tokens)[sent:], len(tokens), reason, *ending)


def likely_token(text: str, logprob: float) -> dict[str, Any]:
    """A token in the form of ``logprobs``."""
    return {"token": text, "logprob": logprob, "bytes": None}


def read_sampling(body: dict[str, Any], room: int) -> Sampling:
    """Checks a request's parameters; ``room`` is how many tokens the context has left."""

    def number(name: str, default: float, low: float, high: float) -> float:
        value = default if body.get(name) is None else body[name]
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise BadRequest(f"{name}={value!r}: must be a number from {low:g} to {high:g}")
        return value

    def whole(name: str, default: int, low: int, high: int) -> int:
        value = number(name, default, low, high)
        if value != int(value):
            raise BadRequest(f"{name}={value!r}: must be a whole number")
        return int(value)

    stop = body.get("stop")
    stop = () if stop is None else (stop,) if isinstance(stop, str) else stop
    if not isinstance(stop, list | tuple) or not all(isinstance(text, str) and text for text in stop):
        raise BadRequest(f"stop={shown(body['stop'])}: must be a text, or a list of texts, that are not empty")
    asked = "max_completion_tokens" if body.get("max_completion_tokens") is not None else "max_tokens"
    max_tokens = whole(asked, min(DEFAULT_MAX_TOKENS, max(1, room)), 1, 1 << 30)
    if max_tokens > room:
        raise BadRequest(f"the prompt leaves room for {max(0, room)} tokens of the model's context, not {max_tokens}")
    alternatives = whole("top_logprobs", 0, 0, MAX_TOP_LOGPROBS)
    return Sampling(
        max_tokens=max_tokens,
        temperature=number("temperature", 0, 0, 100),
        top_p=number("top_p", 1, 0, 1),
        seed=None if body.get("seed") is None else whole("seed", 0, -(2**63), 2**63 - 1),
        stop=tuple(stop),
        ignore_eos=flag(body, "ignore_eos"),
        top_logprobs=alternatives if flag(body, "logprobs") else None,
        token_ids=flag(body, "return_token_ids"),
    )


def shown(value: Any) -> str:
    """A value in an error's line."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def flag(body: dict[str, Any], name: str, inside: str = "") -> bool:
    """A field, or one inside of another, that is true or false.

    Raises:
        BadRequest: it is neither.
    """
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise BadRequest(f"{inside}{name}={shown(value)}: must be true or false")
    return bool(value)


def check_asked(body: dict[str, Any], chat: bool) -> None:
    """Refuses what this server does not do, rather than leave it undone.

    Raises:
        BadRequest: the request asks for it.
    """
    for name, value in body.items():
        if value is None or name in IGNORED:
            continue
        if name in NEUTRAL:
            if not any(
                value == neutral and isinstance(value, bool) == isinstance(neutral, bool) for neutral in NEUTRAL[name]
            ):
                raise BadRequest(f"{name}={shown(value)}: not supported by this server; leave it out")
        elif name not in READ:
            raise BadRequest(f"{name}: this server does not know it; it takes {', '.join(sorted(READ))}")
    options = body.get("stream_options")
    if options is not None and not isinstance(options, dict):
        raise BadRequest(f"stream_options={shown(options)}: must be an object, such as {{'include_usage': true}}")
    flag(body, "stream")
    flag(options or {}, "include_usage", "stream_options.")
    if not chat and any(body.get(name) not in (None, False) for name in ("logprobs", "top_logprobs")):
        raise BadRequest("logprobs: this server tells them for chats alone; use /v1/chat/completions or /v1/likelihood")
    if not chat and flag(body, "return_token_ids"):
        raise BadRequest("return_token_ids: this server tells them for chats alone; use /v1/chat/completions")


def plain_message(message: dict[str, Any]) -> dict[str, Any]:
    """A message whose content is one text, its parts joined.

    Raises:
        BadRequest: it holds something else.
    """
    content, role = message.get("content"), message.get("role")
    if not isinstance(role, str) or not role:
        raise BadRequest(f"messages: role={shown(role)}: must be a text such as 'user'")
    if message.get("tool_calls") or message.get("function_call"):
        raise BadRequest("messages: tool_calls: this server knows no tools")
    if isinstance(content, list):
        for part in content:
            if not isinstance(part, dict) or part.get("type") != "text" or not isinstance(part.get("text"), str):
                raise BadRequest(f"messages: content part {shown(part)}: this server reads parts of type 'text' alone")
        content = "".join(part["text"] for part in content)
    if content is None and role == "assistant":
        content = ""
    if not isinstance(content, str):
        raise BadRequest(f"messages: content={shown(content)}: must be a text, or a list of text parts")
    return {**message, "content": content}


class Handler(BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server
    _begun = False
    """Whether the answer's head is sent."""

    @property
    def model(self) -> Model:
        """The one that answers."""
        return self.server.model

    def do_GET(self) -> None:
        """Health and the list of models."""
        path = self._path()
        entry = {"id": self.server.served_name, "object": "model", "created": 0, "owned_by": "infraray"}
        entry["max_model_len"] = self.model.context
        if path in ("/health", "/ping"):
            self._send(200, {})
        elif path == "/v1/models":
            self._send(200, {"object": "list", "data": [entry]})
        elif path.startswith("/v1/models/"):
            name = path.removeprefix("/v1/models/")
            if name == self.server.served_name:
                self._send(200, entry)
            else:
                self._fail(404, f"the model {name!r} does not exist; this is {self.server.served_name!r}")
        else:
            self._fail(404, f"no such path: {path}")

    def do_POST(self) -> None:
        """Completions."""
        try:
            raw = self._read_body()
        except BadRequest as error:
            self.close_connection = True  # where the next request would begin is not known
            return self._fail(413 if "longer than" in str(error) else 400, str(error))
        if self._path() not in ("/v1/chat/completions", "/v1/completions", "/v1/likelihood"):
            return self._fail(404, f"no such path: {self._path()}")
        try:
            body = json.loads(raw)
            if not isinstance(body, dict):
                raise BadRequest("the request must be a JSON object")
            if body.get("model") not in (None, self.server.served_name):
                return self._fail(
                    404, f"the model {shown(body['model'])} does not exist; this is {self.server.served_name!r}"
                )
        except (ValueError, RecursionError) as error:  # invalid UTF-8 is a ValueError, too
            return self._fail(400, f"the request is not JSON in UTF-8: {error}")
        except BadRequest as error:
            return self._fail(400, str(error))
        self._begun = False
        try:
            self.server.worker.submit(self._compute, body).result()
        except BadRequest as error:
            self._fail(400, str(error))
        except (BrokenPipeError, ConnectionResetError):
            # The client went away; what it asked for ends with it.
            self.close_connection = True
        except Exception as error:
            traceback.print_exc()
            self._tell_fault(f"the server's fault: {type(error).__name__}: {error}")

    def _path(self) -> str:
        return urllib.parse.unquote(self.path.partition("?")[0])

    def _read_body(self) -> bytes:
        """The request's body, whole or in chunks.

        Raises:
            BadRequest: it is too long, or its framing cannot be read.
        """
        too_long = f"the request is longer than {MAX_BODY_BYTES} bytes"
        if "chunked" not in self.headers.get("Transfer-Encoding", "").lower():
            given = self.headers.get("Content-Length") or "0"
            if not given.strip().isdecimal():
                raise BadRequest(f"Content-Length: {given}: must be a number of bytes")
            if int(given) > MAX_BODY_BYTES:
                raise BadRequest(too_long)
            return self.rfile.read(int(given))
        body = b""
        while True:
            line = self.rfile.readline(1024).partition(b";")[0].strip()
            if not re.fullmatch(rb"[0-9A-Fa-f]{1,16}", line):
                raise BadRequest("Transfer-Encoding: a chunk does not begin with its size")
            size = int(line, 16)
            if len(body) + size > MAX_BODY_BYTES:
                raise BadRequest(too_long)
            if size == 0:
                while self.rfile.readline(65536).strip():
                    pass  # trailers
                return body
            body += self.rfile.read(size)
            self.rfile.readline(8)

    def _tell_fault(self, reason: str) -> None:
        """A fault of ours in words: as an answer, or as an event of the stream that has begun."""
        error = {"error": {"message": reason, "type": "InternalServerError", "code": 500}}
        if not self._begun:
            return self._send(500, error)
        self._send_chunk(error)
        self._write_chunk(b"")

    def _compute(self, body: dict[str, Any]) -> None:
        """Reads the prompt, computes and answers.

        Raises:
            BadRequest: before anything is sent.
            ConnectionError: the client went away.
        """
        likelihood = self._path() == "/v1/likelihood"
        chat = self._path() == "/v1/chat/completions" or (likelihood and "prompt" not in body)
        check_asked(body, chat or likelihood)
        prompts = self._read_prompts(body, chat)
        samplings = [read_sampling(body, self.model.context - len(prompt)) for prompt in prompts]
        with self.model.computing():
            if not likelihood:
                return self._answer(body, list(zip(prompts, samplings, strict=True)), chat)
            if len(prompts) != 1:
                raise BadRequest("prompt: must be one for /v1/likelihood")
            text = body.get("text") or ""
            if not isinstance(text, str):
                raise BadRequest(f"text={shown(text)}: must be a text")
            self._send(200, {"content": self.model.likelihood(prompts[0], text, samplings[0].top_logprobs or 0)})

    def _read_prompts(self, body: dict[str, Any], chat: bool) -> list[list[int]]:
        """The tokens of each prompt: of the one chat, or of a completion's text, texts, tokens or lists of tokens.

        Raises:
            BadRequest: it is none of these.
        """
        given = body.get("messages" if chat else "prompt")
        if chat:
            if not isinstance(given, list) or not given or not all(isinstance(message, dict) for message in given):
                raise BadRequest("messages: must be a list that is not empty, of objects with role and content")
            try:
                prompts = [self.model.encode_chat([plain_message(message) for message in given])]
            except BadRequest:
                raise
            except Exception as error:  # Templates are the model's code and raise what they like.
                raise BadRequest(f"messages: the model's chat template does not take them: {error}") from None
        elif isinstance(given, list) and given and all(isinstance(one, str | list) for one in given):
            prompts = [self._read_prompt(one) for one in given]
        else:
            prompts = [self._read_prompt(given)]
        if not all(prompts):
            raise BadRequest("the prompt is empty")
        return prompts

    def _read_prompt(self, given: Any) -> list[int]:
        if isinstance(given, str):
            try:
                return self.model.encode(given)
            except (UnicodeError, TypeError):
                raise BadRequest("prompt: holds half a character (a lone surrogate)") from None
        known = self.model.num_tokens
        if not isinstance(given, list) or not all(isinstance(one, int) and not isinstance(one, bool) for one in given):
            raise BadRequest("prompt: must be a text or a list of token numbers, or a list of these")
        for token in given:
            if not 0 <= token < known:
                raise BadRequest(f"prompt: token {token} is not one of the model's, which are 0 to {known - 1}")
        return given

    def _answer(self, body: dict[str, Any], asked: list[tuple[list[int], Sampling]], chat: bool) -> None:
        """Answers each prompt, one after the other, as the choice of its number."""
        kind = "chat.completion" if chat else "text_completion"
        head = {
            "id": f"{'chatcmpl' if chat else 'cmpl'}-{uuid.uuid4().hex}",
            "created": int(time.time()),
            "model": self.server.served_name,
        }
        usage = [sum(len(prompt) for prompt, _ in asked), 0]
        if not body.get("stream"):
            choices = []
            for index, (prompt, sampling) in enumerate(asked):
                pieces = [*self.model.text(prompt, sampling)]
                text, last = "".join(piece.text for piece in pieces), pieces[-1]
                entries = [entry for piece in pieces for entry in piece.entries]
                ids = [token for piece in pieces for token in piece.tokens]
                choice = _message(text, last.reason) if chat else _piece(text, last.reason)
                told = {"token_ids": ids} if sampling.token_ids else {}
                choices.append({**choice, "index": index, "logprobs": _logprobs(entries, sampling), **told})
                usage[1] += last.so_far
            read = {"prompt_token_ids": asked[0][0]} if asked[0][1].token_ids else {}
            return self._send(200, {**head, "object": kind, **read, "choices": choices, "usage": _usage(*usage)})
        self._begin_stream()
        head["object"] = "chat.completion.chunk" if chat else kind
        if chat:
            read = {"prompt_token_ids": asked[0][0]} if asked[0][1].token_ids else {}
            self._send_chunk({**head, **read, "choices": [_delta({"role": "assistant", "content": ""}, None)]})
        for index, (prompt, sampling) in enumerate(asked):
            so_far = 0
            for piece in self.model.text(prompt, sampling):
                # A token that leaves no text has its chunk too, as in other engines: it tells when it came.
                choice = _delta({"content": piece.text}, piece.reason) if chat else _piece(piece.text, piece.reason)
                told = {"token_ids": [*piece.tokens]} if sampling.token_ids else {}
                logprobs = _logprobs(piece.entries, sampling)
                self._send_chunk({**head, "choices": [{**choice, "index": index, "logprobs": logprobs, **told}]})
                so_far = piece.so_far
            usage[1] += so_far
        if (body.get("stream_options") or {}).get("include_usage"):
            self._send_chunk({**head, "choices": [], "usage": _usage(*usage)})
        self._write_chunk(b"data: [DONE]\n\n")
        self._write_chunk(b"")

    def _begin_stream(self) -> None:
        self._begun = True
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Cache-Control", "no-cache")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def _send_chunk(self, chunk: dict[str, Any]) -> None:
        self._write_chunk(b"data: " + json.dumps(chunk).encode() + b"\n\n")

    def _write_chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def _send(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _fail(self, status: int, message: str) -> None:
        kind = "NotFoundError" if status == 404 else "BadRequestError"
        message = " ".join(message.split())
        self._send(status, {"error": {"message": message, "type": kind, "code": status}})

    def log_message(self, format: str, *arguments: Any) -> None:
        """Prints nothing for a request that went well."""


def _message(text: str, reason: str | None) -> dict[str, Any]:
    return {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": reason}


def _delta(delta: dict[str, Any], reason: str | None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "finish_reason": reason, "logprobs": None}


def _piece(text: str, reason: str | None) -> dict[str, Any]:
    return {"index": 0, "text": text, "finish_reason": reason, "logprobs": None}


def _logprobs(entries: Sequence[dict[str, Any]], sampling: Sampling) -> dict[str, Any] | None:
    return None if sampling.top_logprobs is None else {"content": entries}


def _usage(prompt: int, tokens: int) -> dict[str, int]:
    return {"prompt_tokens": prompt, "completion_tokens": tokens, "total_tokens": prompt + tokens}


def loaded(load: Callable[[], Model]) -> Model:
    """A model that has been loaded and warmed up, in the thread in which it will compute."""
    model = load()
    with model.computing():
        model.warm_up()
    return model


class Server(ThreadingHTTPServer):
    """One model, for many clients, who wait while one is served.

    Args:
        address: host and port; port 0 is any that is free.
        load: makes the model.
        served_name: the model's name in requests.
        handler: the class of its connections.
    """

    request_queue_size = 1024
    daemon_threads = True
    allow_reuse_address = True

    def __init__(
        self, address: tuple[str, int], load: Callable[[], Model], served_name: str, handler: type[Handler] = Handler
    ) -> None:
        # The port is taken before the model is loaded, so that a port in use is reported at once; nobody
        # is answered before serve_forever.
        super().__init__(address, handler, bind_and_activate=False)
        self.server_bind()
        self.served_name = served_name
        self.worker = ThreadPoolExecutor(1, "model")
        """The one thread that uses the model and its tokenizer; it takes requests in the order in which they came."""
        # All in the same thread: what libraries keep for a thread would be kept for another one.
        self.model = self.worker.submit(loaded, load).result()
        self.server_activate()

    def server_close(self) -> None:
        """Gives the port back and ends the thread that computes."""
        super().server_close()
        self.worker.shutdown()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignores a client that went away; anything else is printed and ends that connection."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def make_parser(description: str) -> argparse.ArgumentParser:
    """The flags that all servers have."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--model", required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--served-model-name")
    return parser


def serve(arguments: argparse.Namespace, load: Callable[[], Model], how: str) -> None:
    """Serves until it is ended.

    Args:
        arguments: as `make_parser` reads them.
        load: makes the model.
        how: it computes, for the log: ``in float32 on cpu``.
    """
    server = Server((arguments.host, arguments.port), load, arguments.served_model_name or arguments.model)
    print(f"serving {server.served_name} {how}", flush=True)
    server.serve_forever()
