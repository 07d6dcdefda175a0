"""Token-by-token likelihood of a text under a model: from the reference server, or as reported by any server."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from infraray.errors import InfrarayError

TOP_LOGPROBS = 20
"""Alternatives per token requested from the reference: as many as OpenAI's protocol allows."""
TOLD_LOGPROBS = 5
"""Alternatives requested from any other server: as many as TGI gives, which rejects requests for more."""
ROUNDING = 1e-3
"""Nats by which rounding may lift a log-probability above 0."""
TIMEOUT_S = 600.0


@dataclass(frozen=True)
class TokenLikelihood:
    """One token in its place.

    Args:
        token: its text.
        logprob: its natural log-probability.
        alternatives: the likeliest tokens in this place with their log-probabilities, in descending order.
    """

    token: str
    logprob: float
    alternatives: tuple[tuple[str, float], ...]

    @property
    def gap(self) -> float:
        """How much less likely it is than the likeliest token, in nats; 0 for the likeliest."""
        return max(0.0, self.alternatives[0][1] - self.logprob) if self.alternatives else 0.0


def likelihood(base_url: str, asked: Mapping[str, Any], text: str) -> tuple[TokenLikelihood, ...]:
    """The reference server's likelihood of ``text`` as the answer to a request.

    It ends where the model would have generated something without text.

    Args:
        base_url: of the reference server (engine ``transformers``), such as ``http://host:8000/v1``.
        asked: the request's ``messages`` or ``prompt``.
        text: the answer.

    Raises:
        InfrarayError: the server does not say.
    """
    body = {**asked, "text": text, "logprobs": True, "top_logprobs": TOP_LOGPROBS}
    return read_logprobs(_post(f"{base_url}/likelihood", body))


def told_likelihood(base_url: str, body: Mapping[str, Any]) -> tuple[str, tuple[TokenLikelihood, ...]]:
    """A server's greedy answer to a chat request, with the log-probabilities that it reports.

    Raises:
        InfrarayError: it does not answer, or reports none.
    """
    body = {**body, "logprobs": True, "top_logprobs": TOLD_LOGPROBS}
    answer = _post(f"{base_url}/chat/completions", body)
    try:
        choice = answer["choices"][0]
        return str(choice["message"]["content"] or ""), read_logprobs(choice["logprobs"])
    except (LookupError, TypeError):
        raise InfrarayError(f"{base_url}: the answer has no log-probabilities") from None


def read_logprobs(document: Any) -> tuple[TokenLikelihood, ...]:
    """Reads log-probabilities in the form of OpenAI's chat completions.

    Raises:
        InfrarayError: they have another form, are not numbers, or exceed 0, or there are none.
    """
    try:
        return tuple(
            TokenLikelihood(
                str(entry["token"]),
                _logprob(entry),
                tuple(_descending((str(one["token"]), _logprob(one)) for one in entry["top_logprobs"])),
            )
            for entry in document["content"]
        )
    except (LookupError, TypeError, ValueError, OverflowError):
        raise InfrarayError("the log-probabilities are not in the form of OpenAI's chat completions") from None


def _logprob(entry: Any) -> float:
    logprob = float(entry["logprob"])
    # NaN is not less than anything.
    if not logprob <= ROUNDING:
        raise ValueError
    return logprob


def _descending(pairs: Any) -> Sequence[tuple[str, float]]:
    return sorted(pairs, key=lambda pair: -pair[1])


def _post(url: str, body: Mapping[str, Any]) -> Any:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    # The server is addressed directly, regardless of any proxy in the environment.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=TIMEOUT_S) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        said = b""
        with error, suppress(OSError, http.client.HTTPException):
            said = error.read()
        raise InfrarayError(f"{url}: HTTP {error.code}: {_one_line(said.decode(errors='replace'))}") from None
    except (OSError, http.client.HTTPException, ValueError, RecursionError) as error:
        raise InfrarayError(f"{url}: {_one_line(str(error))}") from None


def _one_line(text: str) -> str:
    return " ".join(text.split())[:200]
