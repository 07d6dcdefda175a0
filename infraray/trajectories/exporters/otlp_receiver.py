"""A receiver of OTLP over HTTP: where it is, how to reach it, and which answers mean that it has the spans.

Source: https://opentelemetry.io/docs/specs/otlp/#otlphttp. A batch is delivered when the answer is a 2xx that
holds an ``ExportTraceServiceResponse``, as protobuf or JSON, which rejects nothing.
"""

from __future__ import annotations

import gzip
import json
import os
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from http.client import HTTPException, HTTPMessage
from typing import IO, Any
from urllib.parse import unquote, urljoin, urlsplit

from infraray.errors import InfrarayError

LOCAL_ENDPOINT = "http://localhost:4318/v1/traces"
TIMEOUT_S = 30.0
LONGEST_WAIT_S = 60.0
"""The longest wait for a receiver that asks for patience."""
MAX_ANSWER_BYTES = 2**20
RETRYABLE = (408, 429, 500, 502, 503, 504)
PROTOBUF, JSON = ("application/x-protobuf", "application/protobuf"), ("application/json",)


class TooLarge(Exception):
    """The receiver accepts no request of this size."""


class NotDelivered(Exception):
    """The receiver does not have the spans, or not all; the reason in one line."""


class Receiver:
    """A receiver of export requests.

    OpenTelemetry's own exporter is not used: up to 1.45 at least, it takes every status below 400 for a delivery
    and never reads the answer, so that redirects, web pages and rejected spans count as delivered.

    Args:
        endpoint: the URL of its traces.
        headers: sent with every request.
        gzipped: whether requests are compressed.
        retry_waits_s: seconds before each further attempt when it is down or busy.
    """

    def __init__(
        self, endpoint: str, headers: Mapping[str, str], gzipped: bool, retry_waits_s: Sequence[float]
    ) -> None:
        self.endpoint = endpoint
        self.gzipped = gzipped
        self.headers = {"Content-Type": PROTOBUF[0], **({"Content-Encoding": "gzip"} if gzipped else {}), **headers}
        self.retry_waits_s = tuple(retry_waits_s)
        self.remark = ""
        """What it said about batches that it accepted."""
        self._opener = urllib.request.build_opener(_NoRedirects)

    def send(self, request: bytes) -> None:
        """Delivers an ``ExportTraceServiceRequest``.

        Raises:
            TooLarge: it answers 413.
            NotDelivered: it cannot be reached, refuses, or does not confirm that it has all spans.
        """
        body = gzip.compress(request, compresslevel=1) if self.gzipped else request
        for wait_s in (*self.retry_waits_s, None):
            try:
                asked = urllib.request.Request(self.endpoint, body, self.headers)
                with self._opener.open(asked, timeout=TIMEOUT_S) as answer:
                    self._judge(answer.status, answer.headers, answer.read(MAX_ANSWER_BYTES))
                return
            except urllib.error.HTTPError as error:
                error.close()
                reason = f"answered {_status(error.code)}"
                if error.code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
                    raise TooLarge from None
                if 300 <= error.code < 400:
                    moved = error.headers.get("Location")
                    place = urljoin(self.endpoint, moved) if moved else "its new place"
                    raise NotDelivered(f"{reason}; give --endpoint {place}") from None
                if error.code not in RETRYABLE:
                    raise NotDelivered(f"{reason}; check --endpoint and --header") from None
                wait_s = _asked_wait(error.headers.get("Retry-After"), wait_s)
            except (OSError, HTTPException) as error:
                reason = f"cannot be reached ({getattr(error, 'reason', None) or error or type(error).__name__})"
            except ValueError as error:
                raise NotDelivered(f"cannot be asked ({error}); check --endpoint and --header") from None
            if wait_s is None:
                raise NotDelivered(f"{reason}, {len(self.retry_waits_s) + 1} tries")
            time.sleep(wait_s)

    def _judge(self, status: int, headers: HTTPMessage, body: bytes) -> None:
        """Checks that a 2xx answer means that all spans were accepted.

        Raises:
            NotDelivered: it does not.
        """
        found = None
        # Multi-Status is several answers and never an export response, whatever it looks like.
        if status != HTTPStatus.MULTI_STATUS:
            found = _export_response(headers, body)
        if found is None:
            said = f"{headers.get('Content-Type', 'no content type')}, {len(body)} bytes"
            raise NotDelivered(
                f"answered {_status(status)} without an OTLP export response ({said}); check --endpoint and --header"
            )
        message = " ".join(found.partial_success.error_message.split())[:300]
        if found.partial_success.rejected_spans:
            raise NotDelivered(
                f"refused {found.partial_success.rejected_spans} spans: {message or 'it gives no reason'}"
            )
        self.remark = self.remark or message


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirected POST becomes a GET, which delivers nothing."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        return None


def _export_response(headers: HTTPMessage, body: bytes) -> Any | None:
    """The ``ExportTraceServiceResponse`` in an answer; None if it holds none."""
    from google.protobuf.json_format import ParseDict, ParseError  # type: ignore[import-untyped]
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

    kind = headers.get_content_type() if "Content-Type" in headers else None
    try:
        if headers.get("Content-Encoding", "identity").strip().lower() == "gzip":
            body = zlib.decompressobj(wbits=31).decompress(body, MAX_ANSWER_BYTES)
        if kind in PROTOBUF:
            return ExportTraceServiceResponse.FromString(body)
        if kind not in JSON:
            return None
        said = json.loads(body)
        # Receivers may add fields of their own, as Langfuse does, but an error is not one of them.
        if not isinstance(said, dict) or said.get("error") or said.get("errors"):
            return None
        if not isinstance(said.get("partialSuccess", {}), dict):
            return None
        return ParseDict(said, ExportTraceServiceResponse(), ignore_unknown_fields=True)
    except (DecodeError, ParseError, ValueError, zlib.error, RecursionError):
        return None


def find_endpoint(given: str | None) -> str:
    """The URL of the receiver's traces: as given, from the environment, or on this machine.

    Raises:
        InfrarayError: it is not a URL.
    """
    exact = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    if given is None and exact:
        name, found = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", exact
    elif given is None and os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        name, found = "OTEL_EXPORTER_OTLP_ENDPOINT", os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"]
    else:
        name, found = "--endpoint", given or LOCAL_ENDPOINT
    try:
        url = urlsplit(found)
        valid = url.scheme in ("http", "https") and bool(url.hostname) and (url.port is None or url.port > 0)
    except ValueError:
        valid = False
    if not valid:
        raise InfrarayError(f"{name} {found!r}: must be a URL such as {LOCAL_ENDPOINT}")
    is_exact = name == "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" or url.path.endswith("/v1/traces")
    return found if is_exact else f"{found.rstrip('/')}/v1/traces"


def environment_headers() -> dict[str, str]:
    """The headers from the environment, in OpenTelemetry's notation: ``key=value,key=value``, percent-encoded."""
    pairs = [pair.partition("=") for pair in _setting("HEADERS").split(",")]
    return {name.strip(): unquote(value.strip()) for name, equals, value in pairs if equals}


def wants_gzip() -> bool:
    """Whether requests are compressed: yes, unless the environment says ``none``.

    Raises:
        InfrarayError: it names another compression.
    """
    compression = _setting("COMPRESSION").strip().lower() or "gzip"
    if compression not in ("gzip", "none"):
        raise InfrarayError(f"OTEL_EXPORTER_OTLP_COMPRESSION={compression!r}: must be gzip or none")
    return compression == "gzip"


def _setting(name: str) -> str:
    """A setting from the environment; one for traces alone takes precedence over one for all signals."""
    return os.environ.get(f"OTEL_EXPORTER_OTLP_TRACES_{name}") or os.environ.get(f"OTEL_EXPORTER_OTLP_{name}", "")


def _asked_wait(retry_after: str | None, wait_s: float | None) -> float | None:
    """Seconds to wait: what the receiver asks for, in seconds or as a date, if that is longer; within bounds."""
    if wait_s is None or retry_after is None:
        return wait_s
    try:
        asked = (
            float(retry_after)
            if retry_after.isdigit()
            else parsedate_to_datetime(retry_after).timestamp() - time.time()
        )
    except ValueError:
        return wait_s
    return max(wait_s, min(LONGEST_WAIT_S, asked))


def _status(code: int) -> str:
    try:
        return f"{code} {HTTPStatus(code).phrase}"
    except ValueError:
        return str(code)
