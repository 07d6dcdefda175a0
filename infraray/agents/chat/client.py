"""A client for one model: caches answers, retries failures, and waits for servers that come back."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, replace
from typing import Any, TypeVar

from infraray.agents.chat.cache import ResponseCache
from infraray.agents.chat.completion import Completion
from infraray.agents.chat.connections import Connection, connect
from infraray.agents.chat.endpoints import Endpoints, are_ours
from infraray.agents.chat.failures import Busy, ContextOverflow, TransientFailure, Unsupported
from infraray.errors import InfrarayError, Unavailable

FIRST_BACKOFF_S = 0.5
LONGEST_BACKOFF_S = 30.0
LONGEST_PROBE_INTERVAL_S = 5.0

Answer = TypeVar("Answer")


class ChatClient:
    """Asks a model on behalf of one conversation.

    Args:
        model: the name by which the server knows it.
        endpoints: hands out the server.
        conversation: names the conversation to ``endpoints``.
        api_key_env: the environment variable that holds the key.
        cache: where answers are cached, if anywhere.
        request_timeout_s: for one request, from sending it to the end of its answer.
        max_retries: repetitions of a request that failed.
        patience_s: how long to wait for a server that accepts no request.
        concurrency: the most requests that the whole run may have in flight at a server; None for as many as it takes.
    """

    def __init__(
        self,
        model: str,
        endpoints: Endpoints,
        *,
        conversation: str,
        api_key_env: str,
        cache: ResponseCache | None,
        request_timeout_s: float,
        max_retries: int,
        patience_s: float,
        concurrency: int | None = None,
    ) -> None:
        self.model = model
        self.endpoints = endpoints
        self.conversation = conversation
        self.api_key_env = api_key_env
        self.cache = cache
        self.request_timeout_s = request_timeout_s
        self.max_retries = max_retries
        self.patience_s = patience_s
        self.concurrency = concurrency
        self.base_url: str | None = None
        self._retries = 0
        self._refused_at: float | None = None
        """When the server first had no place for the request, on the event loop's clock."""

    async def complete(self, request: Mapping[str, Any]) -> Completion:
        """Sends a chat request without its streaming options.

        Raises:
            ContextOverflow: the prompt is too long.
            Unsupported: the server does not take an answer format.
            Unavailable: the server is gone, or accepts no request of ours.
            InfrarayError: it cannot succeed, or did not in all repetitions.
        """
        stored = self._kept(request)
        if stored is not None and (restored := _restore(stored)).is_lasting:
            return restored
        before = time.perf_counter()
        try:
            completion = await self._repeat(lambda connection: connection.ask(request))
        except ContextOverflow as refusal:
            await self._keep(request, {"overflow": str(refusal), "context_tokens": refusal.context_tokens})
            raise
        except Unsupported as refusal:
            await self._keep(request, {"unsupported": str(refusal), "option": refusal.option})
            raise
        if self._retries:
            waited_s = max(0.0, time.perf_counter() - before - completion.latency_s)
            completion = replace(completion, retries=self._retries, waited_s=waited_s)
        if completion.is_lasting:
            await self._keep(request, {"completion": asdict(completion)})
        return completion

    async def context_tokens(self) -> int | None:
        """The model's context, if the server states it."""
        return await self._measure({"context of": self.model}, lambda connection: connection.context_tokens(self.model))

    async def count_tokens(self, messages: list[dict[str, Any]]) -> int | None:
        """The exact length of a prompt, if the server counts it."""
        return await self._measure(
            {"length of": messages, "model": self.model},
            lambda connection: connection.count_tokens(self.model, messages),
        )

    async def release(self) -> None:
        """Gives the server back to ``endpoints``."""
        if self.base_url is not None:
            self.base_url = None
            await self.endpoints.release(self.conversation)

    async def _measure(self, key: Mapping[str, Any], ask: Callable[[Connection], Awaitable[int | None]]) -> int | None:
        stored = self._kept(key)
        if stored is not None:
            known: int | None = stored["tokens"]
            return known
        tokens = await self._repeat(ask)
        await self._keep(key, {"tokens": tokens})
        return tokens

    def _kept(self, request: Mapping[str, Any]) -> dict[str, Any] | None:
        return self.cache.get({"server": self.endpoints.name, **request}) if self.cache is not None else None

    async def _keep(self, request: Mapping[str, Any], value: Mapping[str, Any]) -> None:
        if self.cache is not None:
            await asyncio.to_thread(self.cache.put, {"server": self.endpoints.name, **request}, value)

    async def _repeat(self, ask: Callable[[Connection], Awaitable[Answer]]) -> Answer:
        """Asks until there is an answer, a final refusal, or too many failures."""
        self._retries = failures = 0
        self._refused_at = None
        while True:
            connection = await self._connection()
            try:
                return await self._ask(connection, ask)
            except (ContextOverflow, Unsupported):
                raise
            except InfrarayError as error:
                raise type(error)(f"{self.model} at {connection.base_url}: {error}") from None
            except Busy:
                self._retries += 1
                continue
            except TransientFailure as failed:
                failure = failed
            self._retries += 1
            failures += 1
            if not await connection.answers():
                await self._wait_for(connection)
                failures = 0
            elif failures > self.max_retries:
                raise InfrarayError(f"{self.model} at {connection.base_url}: failed {failures} times, last: {failure}")
            else:
                await asyncio.sleep(min(_backoff_s(failures, failure.retry_after_s), self.patience_s))

    async def _ask(self, connection: Connection, ask: Callable[[Connection], Awaitable[Answer]]) -> Answer:
        """Asks once, holding one of the server's places.

        Raises:
            Busy: it takes no more now; it has fewer places, closed until it may be asked again.
            Unavailable: it has accepted none for longer than the patience lasts.
            TransientFailure: it may succeed later.
            InfrarayError: it will never succeed.
        """
        places = connection.places
        async with places.one() as asked_at:
            try:
                async with asyncio.timeout(self.request_timeout_s) as timeout:
                    answer = await ask(connection)
            except Busy as busy:
                places.refused(asked_at, self._pause_s(connection, busy))
                raise
            except TimeoutError:
                if not timeout.expired():
                    raise
                places.refused(asked_at)
                raise TransientFailure(f"no answer in {self.request_timeout_s:g} s") from None
            except InfrarayError:
                places.answered()
                raise
            places.answered()
            return answer

    def _pause_s(self, connection: Connection, busy: Busy) -> float:
        """Seconds until a server with too many requests may be asked again.

        Patience counts from when it last accepted a request of ours: until then it was this one's turn to wait.

        Raises:
            Unavailable: patience runs out before that.
        """
        now = asyncio.get_running_loop().time()
        if self._refused_at is None:
            self._refused_at = now
        left_s = self.patience_s - (now - max(self._refused_at, connection.places.answered_at))
        if left_s <= 0 or (busy.retry_after_s or 0.0) > left_s:
            wish = "" if busy.retry_after_s is None else f", asks to wait {busy.retry_after_s:g} s"
            raise Unavailable(
                f"takes no request within {self.patience_s:g} s (patience_s){wish}, last: {busy}; "
                "what is owed is asked when the run is started again"
            )
        return min(left_s, _backoff_s(connection.places.refusals, busy.retry_after_s))

    async def _connection(self) -> Connection:
        if self.base_url is None:
            self.base_url = await self.endpoints.assign(self.conversation)
        return self._connect(self.base_url)

    def _connect(self, base_url: str) -> Connection:
        return connect(base_url, self.api_key_env, are_ours(self.endpoints), self.concurrency)

    async def _wait_for(self, lost: Connection) -> None:
        """Returns when the server, or another one assigned in its place, answers."""
        interval_s = FIRST_BACKOFF_S
        try:
            async with asyncio.timeout(self.patience_s) as patience:
                while True:
                    await self.endpoints.failed(self.conversation, lost.base_url)
                    self.base_url = await self.endpoints.assign(self.conversation)
                    connection = self._connect(self.base_url)
                    if await connection.answers():
                        return
                    lost = connection
                    await asyncio.sleep(interval_s * random.uniform(0.5, 1.0))
                    interval_s = min(LONGEST_PROBE_INTERVAL_S, interval_s * 2)
        except TimeoutError:
            if not patience.expired():
                raise
            raise Unavailable(
                f"{self.model} at {lost.base_url}: did not answer for {self.patience_s:g} s (patience_s)"
            ) from None


def _backoff_s(failures: int, retry_after_s: float | None) -> float:
    """Exponential with full jitter; at least what the server asks for, plus jitter so that not all come at once."""
    jitter_s = random.uniform(0.0, min(LONGEST_BACKOFF_S, FIRST_BACKOFF_S * 2.0 ** min(failures, 16)))
    return jitter_s if retry_after_s is None else retry_after_s + min(jitter_s, retry_after_s * 0.1 + FIRST_BACKOFF_S)


def _restore(stored: Mapping[str, Any]) -> Completion:
    if "overflow" in stored:
        raise ContextOverflow(stored["overflow"], stored["context_tokens"])
    if "unsupported" in stored:
        raise Unsupported(stored["unsupported"], stored["option"])
    fields = stored["completion"]
    return Completion(**{**fields, "left_out": tuple(fields["left_out"]), "cached": True})
