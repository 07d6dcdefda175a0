"""The error that a server states, beside an answer's status or inside an answer of status 200."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_STATUSES = {
    "invalidrequesterror": 400,
    "badrequesterror": 400,
    "badrequest": 400,
    "contextlengthexceeded": 400,
    "invalidapikey": 401,
    "authenticationerror": 401,
    "unauthorized": 401,
    "insufficientquota": 429,
    "billingerror": 402,
    "permissionerror": 403,
    "permissiondenied": 403,
    "notfounderror": 404,
    "modelnotfound": 404,
    "ratelimitexceeded": 429,
    "ratelimiterror": 429,
    "ratelimit": 429,
    "toomanyrequests": 429,
    "resourceexhausted": 429,
    "internalservererror": 500,
    "servererror": 500,
    "apierror": 500,
    "serviceunavailable": 503,
    "overloadederror": 529,
    "overloaded": 529,
}


def stated_error(document: Any) -> Any:
    """The error in a document or in its first choice; None if there is none."""
    if not isinstance(document, Mapping):
        return None
    if document.get("error"):
        return document["error"]
    if document.get("object") == "error":  # as vLLM and SGLang write it in a stream
        return document
    choices = document.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    return (choice.get("error") or None) if isinstance(choice, Mapping) else None


def stated_status(error: Any) -> int | None:
    """The HTTP status that an error stands for, by its number or its name; None if it states neither."""
    if not isinstance(error, Mapping):
        return None
    for name in ("code", "status", "status_code", "http_status", "type"):
        value = error.get(name)
        if isinstance(value, str):
            value = int(value) if re.fullmatch(r"\d{3}", value) else _STATUSES.get(re.sub(r"[^a-z]", "", value.lower()))
        if isinstance(value, int) and not isinstance(value, bool) and 400 <= value <= 599:
            return value
    return None
