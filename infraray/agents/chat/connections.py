"""Connections to servers: one pool per server in each event loop, shared by all conversations there."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import time
from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from infraray.agents.chat.completion import Completion, read_answer
from infraray.agents.chat.concessions import ANSWER_FORMATS, as_sent, made_in
from infraray.agents.chat.failures import (
    Busy,
    StatedError,
    TransientFailure,
    Unsupported,
    culprit,
    is_refusal,
    server_reason,
    what_was_refused,
)
from infraray.agents.chat.places import Places, Share
from infraray.agents.chat.retry_after import retry_after_s
from infraray.errors import InfrarayError, Unavailable

CONNECT_TIMEOUT_S = 10.0
PROBE_TIMEOUT_S = 5.0
BUSY = (429, 529)
"""Statuses by which a healthy server says that it is asked too much; 529 is Anthropic's and MiniMax's."""

listeners: list[Callable[[str], None]] = []
"""Receives one line when a server does not answer, and when it answers again."""

_share = Share()
_connections: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str, str], Connection]] = WeakKeyDictionary()


def take_share(share: Share) -> None:
    """Limits this process to its part of each server's ``concurrency`` from now on."""
    global _share
    _share = share


def connect(base_url: str, api_key_env: str, direct: bool = False, concurrency: int | None = None) -> Connection:
    """The running event loop's connection to a server.

    Args:
        base_url: such as ``http://host:8000/v1``.
        api_key_env: the environment variable that holds the key.
        direct: whether to bypass proxies.
        concurrency: the most requests that the whole run may have in flight there; None for as many as it takes.
    """
    ours = _connections.setdefault(asyncio.get_running_loop(), {})
    key = base_url, api_key_env
    if key not in ours:
        ours[key] = Connection(base_url, api_key_env, direct or _is_here(base_url))
    if concurrency is not None:
        ours[key].places.allow(_share.of_all(concurrency))
    return ours[key]


class Connection:
    """A server as one process sees it.

    Args:
        base_url: such as ``http://host:8000/v1``.
        api_key_env: the environment variable that holds the key.
        direct: whether to bypass a proxy that the environment names.
    """

    def __init__(self, base_url: str, api_key_env: str, direct: bool) -> None:
        import openai  # of the extra `chat`, which the agent asked for

        self.base_url = base_url
        self.openai = openai
        self.client: Any = openai.AsyncOpenAI(
            base_url=base_url,
            api_key=os.environ.get(api_key_env) or "none",
            max_retries=0,
            http_client=_http_client(openai, direct),
        )
        self.refused: dict[str, dict[str, str]] = {}
        """For each model, the concessions that the server needs, with its reasons."""
        self.contexts: dict[str, asyncio.Task[int | None]] = {}
        self.places = Places()
        self.counts_tokens = True
        self.down = False
        self._probe: asyncio.Task[bool] | None = None
        self._closing = self._close_with_the_loop()
        self._open: asyncio.Task[None] = asyncio.ensure_future(anext(self._closing))

    async def ask(self, request: Mapping[str, Any]) -> Completion:
        """Sends one chat request.

        Raises:
            TransientFailure: it may succeed later; `Busy` where the server says to wait.
            ContextOverflow: the prompt is too long.
            Unsupported: the server does not take an answer format.
            Unavailable: no request will ever succeed, such as with a wrong key; the text is the server's reason.
            InfrarayError: this request will never succeed.
        """
        refused = self.refused.setdefault(request["model"], {})
        guesses: dict[str, str] = {}
        tried: set[str] = set()
        while True:
            for option in ANSWER_FORMATS:
                if option in request and option in refused:
                    raise Unsupported(refused[option], option)
            conceded = {**refused, **guesses}
            try:
                completion = await self._send(as_sent(request, conceded), tried.union(conceded))
            except Unsupported as refusal:
                if guesses and str(refusal) == guesses[last := next(reversed(guesses))]:
                    del guesses[last]  # it was not that
                (guesses if refusal.is_guess else refused)[refusal.option] = str(refusal)
                tried.add(refusal.option)
                continue
            # A request may be refused for its content: only one that succeeds shows what the server does not accept.
            refused.update(guesses)
            left_out = made_in(request, refused)
            return replace(completion, left_out=tuple(left_out)) if left_out else completion

    async def _send(self, body: dict[str, Any], tried: Collection[str]) -> Completion:
        openai = self.openai
        started = time.perf_counter()
        try:
            stream = await self.client.post(
                "/chat/completions", body=body, cast_to=object, stream=True, stream_cls=openai.AsyncStream[object]
            )
            response = stream.response
            try:
                return await read_answer(response.aiter_bytes(), started)
            finally:
                await response.aclose()
        except openai.APIStatusError as error:
            failure = _failure(error.status_code, error.body, error.message, error.response.headers, body, tried)
            hint = _path_hint(self.base_url, str(failure)) if error.status_code == 404 else ""
            raise type(failure)(f"{failure}{hint}") if hint else failure from None
        except StatedError as error:
            if error.status is None:
                raise TransientFailure(f"the server broke off: {server_reason(error.error, 'no reason')}") from None
            raise _failure(error.status, error.error, "no reason", {}, body, tried) from None
        except openai.APIConnectionError as error:
            raise TransientFailure(_words(error.__cause__ or error)) from None
        except (InfrarayError, TransientFailure, TimeoutError):
            raise
        except Exception as error:
            if isinstance(error, OSError) or type(error).__module__.partition(".")[0] in _TRANSPORTS:
                raise TransientFailure(_words(error)) from None
            raise

    async def context_tokens(self, model: str) -> int | None:
        """The model's context, if the server states it.

        Raises:
            TransientFailure: the server does not answer.
        """
        if model not in self.contexts or _failed(self.contexts[model]):
            self.contexts[model] = asyncio.ensure_future(self._ask_context(model))
        return await asyncio.shield(self.contexts[model])

    async def _ask_context(self, model: str) -> int | None:
        document = await self._fetch("GET", "/models")
        entries = document.get("data") if isinstance(document, dict) else None
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, dict) and entry.get("id") == model:
                found = entry.get("max_model_len") or entry.get("context_length")
                return found if isinstance(found, int) and found > 0 else None
        return None

    async def count_tokens(self, model: str, messages: list[dict[str, Any]]) -> int | None:
        """The exact length of a prompt from vLLM's ``/tokenize``; None if the server has none."""
        if not self.counts_tokens:
            return None
        root = self.base_url.rstrip("/").removesuffix("/v1")
        try:
            document = await self._fetch("POST", f"{root}/tokenize", {"model": model, "messages": messages})
        except TransientFailure:
            return None
        count = document.get("count") if isinstance(document, dict) else None
        self.counts_tokens = isinstance(count, int)
        return count if isinstance(count, int) else None

    async def _fetch(self, method: str, path: str, body: Any = None) -> Any:
        """A JSON document; None if the server has none."""
        openai = self.openai
        options = {"timeout": PROBE_TIMEOUT_S * 2}
        try:
            if method == "GET":
                return await self.client.get(path, cast_to=object, options=options)
            return await self.client.post(path, cast_to=object, body=body, options=options)
        except openai.APIStatusError as error:
            if error.status_code in BUSY:
                raise Busy(f"status {error.status_code}", retry_after_s(error.response.headers)) from None
            if error.status_code in (502, 503, 504):
                raise TransientFailure(f"status {error.status_code}") from None
            return None
        except openai.APIConnectionError as error:
            raise TransientFailure(_words(error.__cause__ or error)) from None
        except ValueError:
            return None

    async def answers(self) -> bool:
        """Whether the server answers at all; concurrent callers share one probe."""
        if self._probe is None or self._probe.done():
            self._probe = asyncio.ensure_future(self._try())
        return await asyncio.shield(self._probe)

    async def _try(self) -> bool:
        try:
            async with asyncio.timeout(PROBE_TIMEOUT_S):
                await self._fetch("GET", "/models")
        except Busy:
            pass
        except (TransientFailure, TimeoutError):
            if not self.down:
                self.down = True
                _tell(f"endpoint {self.base_url} does not answer; waiting")
            return False
        if self.down:
            self.down = False
            _tell(f"endpoint {self.base_url} answers again")
        return True

    async def _close_with_the_loop(self) -> AsyncGenerator[None, None]:
        # An event loop closes its asynchronous generators when it ends, and with them this client.
        try:
            yield
        finally:
            await self.client.close()


_TRANSPORTS = ("httpx", "httpx2", "httpcore", "httpcore2", "aiohttp", "anyio")


def _is_here(base_url: str) -> bool:
    """Whether a server is on this machine, which a proxy elsewhere cannot reach."""
    host = urlsplit(base_url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _http_client(openai: Any, direct: bool) -> Any:
    limits = type(openai.DEFAULT_CONNECTION_LIMITS)
    timeout = openai.Timeout(None, connect=CONNECT_TIMEOUT_S)
    try:
        # aiohttp, which Ray depends on, takes a fraction of the default transport's time.
        # Its word for "no limit" is 0.
        return openai.DefaultAioHttpClient(limits=limits(max_connections=0), timeout=timeout, trust_env=not direct)
    except (AttributeError, RuntimeError):
        return openai.DefaultAsyncHttpxClient(limits=limits(), timeout=timeout, trust_env=not direct)


def _failure(
    status: int,
    body: Any,
    fallback: str,
    headers: Mapping[str, str],
    sent: Mapping[str, Any],
    tried: Collection[str],
) -> Exception:
    """What an HTTP status means for a request; ``fallback`` is the text if the server gives none."""
    reason = server_reason(body, fallback)
    if is_refusal(status, reason):
        return what_was_refused(reason, culprit(body), sent, tried)
    spent = status == 429 and "insufficient_quota" in str(body)
    if (status in (408, 409, 425, 429) or status >= 500) and not spent:
        wait_s = retry_after_s(headers)
        busy = status in BUSY or (status == 503 and wait_s is not None)
        return (Busy if busy else TransientFailure)(f"status {status}: {reason}", wait_s)
    return Unavailable(f"{reason} (status {status})")


def _path_hint(base_url: str, reason: str) -> str:
    """What may be wrong with a base URL at which nothing is found; "" if the server found it and says what is wrong."""
    if not urlsplit(base_url).path.rstrip("/").endswith("/v1"):
        return f"; a base URL usually ends in /v1: is it {base_url.rstrip('/')}/v1?"
    return "" if "model" in reason.lower() else "; is the path right? A server may have no /v1, or another one"


def _words(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__


def _failed(task: asyncio.Task[Any]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)


def _tell(line: str) -> None:
    for listener in tuple(listeners):
        listener(line)
