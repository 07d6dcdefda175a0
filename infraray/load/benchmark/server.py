"""What a server reports before it is measured: the models it serves, and whether it accepts our key."""

from __future__ import annotations

import json
import os
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

from infraray.errors import InfrarayError, did_you_mean
from infraray.protocol.keys import key_fault

_PATIENCE_S = 10.0


@dataclass(frozen=True)
class ServedModel:
    """A model as listed by a server.

    Args:
        name: the name used in requests.
        root: what it was loaded from, a folder or a name on the hub; its name if the server does not say.
    """

    name: str
    root: str


def read_key(api_key_env: str) -> str | None:
    """The key in an environment variable; None if it is not set.

    Raises:
        InfrarayError: its value cannot be a key.
    """
    key = os.environ.get(api_key_env) or None
    if key is not None and (fault := key_fault(key)) is not None:
        raise InfrarayError(f"{api_key_env} {fault}; export the key alone under this name")
    return key


def find_model(base_url: str, model: str | None, api_key_env: str) -> ServedModel:
    """Finds a model by name, or the first that the server lists.

    If the server lists none, requests use the given name.

    Raises:
        InfrarayError: no server answers, it refuses our key, or it does not serve the model.
    """
    served = _list_models(base_url, api_key_env, needed=model is None)
    if model is None and not served:
        raise InfrarayError(f"{base_url}: the server lists no model; give its name: --model")
    if model is None:
        return next(iter(served.values()))
    if served and model not in served:
        raise InfrarayError(f"model={model!r}: {base_url} does not serve it; {did_you_mean(model, served)}")
    return served.get(model, ServedModel(model, model))


def _list_models(base_url: str, api_key_env: str, needed: bool) -> dict[str, ServedModel]:
    """The models by name, in the server's order.

    Raises:
        InfrarayError: no server answers, it refuses our key, or it has no list although one is ``needed``.
    """
    url = f"{base_url.rstrip('/')}/models"
    key = read_key(api_key_env)
    request = urllib.request.Request(url, headers={} if key is None else {"Authorization": f"Bearer {key}"})
    try:
        with _OPENER.open(request, timeout=_PATIENCE_S) as answer:
            document = json.load(answer)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code in (401, 403):
            raise InfrarayError(key_refused(base_url, api_key_env, error.code)) from None
        if error.code == 404 and not needed and "/v1" in base_url:
            return {}
        raise InfrarayError(f"{url}: HTTP {error.code}{_hint(base_url, error)}") from None
    except (ValueError, RecursionError, HTTPException):
        raise InfrarayError(f"{url}: the answer is not a list of models; is this an OpenAI-compatible API?") from None
    except OSError as error:
        cause = getattr(error, "reason", error)
        said = " ".join(str(cause).split())
        if isinstance(cause, ssl.SSLCertVerificationError):
            raise InfrarayError(
                f"{base_url}: its certificate is not trusted ({said}); name its authority's file in SSL_CERT_FILE"
            ) from None
        raise InfrarayError(f"{base_url}: no server answers ({said}); start it, or give another URL") from None
    entries = document.get("data") if isinstance(document, Mapping) else None
    names = [entry for entry in entries or () if isinstance(entry, Mapping) and isinstance(entry.get("id"), str)]
    return {entry["id"]: ServedModel(entry["id"], str(entry.get("root") or entry["id"])) for entry in names}


def key_refused(base_url: str, api_key_env: str, status: int) -> str:
    """The advice for a server that wants a different key, or any key at all."""
    if read_key(api_key_env) is not None:
        return f"{base_url}: refuses the key in {api_key_env} (HTTP {status}); export a valid one"
    return (
        f"{base_url}: asks for a key (HTTP {status}); export it as {api_key_env}, "
        "or name the variable that holds it: --api-key-env"
    )


def _hint(base_url: str, error: urllib.error.HTTPError) -> str:
    """A guess at what is wrong with a base URL that has no list of models."""
    if error.headers.get("Location"):
        return f", moved to {error.headers['Location']}; give that URL without /models"
    if error.code == 404 and not base_url.rstrip("/").endswith("/v1"):
        return f"; the URL of an OpenAI-compatible API usually ends in /v1: is it {base_url.rstrip('/')}/v1?"
    return "; the server has no list of models: give --model" if error.code == 404 else ""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Refuses redirects, as the load would not follow them either."""

    def redirect_request(self, *_: Any) -> None:
        """Refuses."""


# No proxy, since the load does not use one.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect())
