"""The server of a model, asked with a key that no agent sees, and again if it is busy or broken."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from infraray.agents.chat.retry_after import retry_after_s
from infraray.errors import Unavailable
from infraray.workspaces.dialects import Dialect

BACK_OFF_S = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0)


@dataclass(frozen=True)
class Model:
    """A model and the way to it.

    Args:
        name: the server's name for it.
        base_url: of its server, with ``/v1``.
        key: for the server; "" where it asks for none.
        request_timeout_s: seconds without a byte of an answer.
        patience_s: seconds for which a server that is busy or gone is asked again.
    """

    name: str
    base_url: str
    key: str = ""
    request_timeout_s: float = 600.0
    patience_s: float = 1800.0

    @property
    def host(self) -> str:
        """Its server's name."""
        return urlsplit(self.base_url).hostname or ""


class Upstream:
    """Connections to the server.

    Args:
        model: the model.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        is_near = model.host in ("localhost", "127.0.0.1", "::1")
        self._client = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=30.0, sock_read=model.request_timeout_s),
            trust_env=not is_near,
        )

    async def post(
        self, dialect: Dialect, path: str, body: dict[str, Any], headers: dict[str, str], waits: Callable[[str], None]
    ) -> aiohttp.ClientResponse:
        """Sends a request; a status of 429 or 5xx, or no answer, is asked again.

        Args:
            dialect: its protocol.
            path: below the base URL.
            body: the request.
            headers: those of the protocol, without a key.
            waits: told why, before each pause.

        Raises:
            Unavailable: the server has taken no request for too long, or refuses the key.
        """
        model = self.model
        is_anthropic = model.host.endswith("anthropic.com")
        sent = {**headers, **dialect.headers(model.key, is_anthropic)}
        began, attempt = time.monotonic(), 0
        while True:
            pause_s = BACK_OFF_S[min(attempt, len(BACK_OFF_S) - 1)]
            try:
                response = await self._client.post(f"{model.base_url.rstrip('/')}{path}", json=body, headers=sent)
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                reason = f"{type(error).__name__}: {error}"
            else:
                if response.status in (401, 403):
                    said = (await response.text())[:300]
                    response.release()
                    raise Unavailable(f"{model.base_url}: refuses the key (status {response.status}: {said})")
                if response.status != 429 and response.status < 500:
                    return response
                said = (await response.text())[:300]
                pause_s = max(pause_s, retry_after_s(response.headers) or 0.0)
                reason = f"status {response.status}: {said}"
                response.release()
            if time.monotonic() + pause_s - began > model.patience_s:
                raise Unavailable(f"{model.base_url}: has taken no request for {model.patience_s:g} s ({reason})")
            waits(reason)
            attempt += 1
            await asyncio.sleep(pause_s)

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.close()
