"""A receiver of OpenTelemetry traces on localhost that reads what it is sent with OpenTelemetry's own protobuf."""

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass
class Answer:
    """What a request is answered, and whether its spans are kept."""

    status: int = 200
    body: bytes = b""
    content_type: str | None = "application/x-protobuf"
    headers: dict[str, str] = field(default_factory=dict)
    keeps: bool = False

    @classmethod
    def json(cls, said: object, **more) -> "Answer":
        return cls(body=json.dumps(said).encode(), content_type="application/json; charset=utf-8", **more)


def partial_success(rejected: int, message: str = "") -> bytes:
    response = ExportTraceServiceResponse()
    response.partial_success.rejected_spans = rejected
    response.partial_success.error_message = message
    return response.SerializeToString()


class Receiver(ThreadingHTTPServer):
    """Keeps spans by (trace id, span id), as every tracing backend does."""

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.spans: dict[tuple[str, str], Span] = {}
        self.resources: list[dict] = []
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.statuses: list[int] = []
        """What the next requests are answered, before they are taken."""
        self.rejects = 0
        self.answers: list[Answer] = []
        """Likewise, word for word; each but the last is given once."""
        self.most_bytes: int | None = None
        """A larger request is answered 413."""
        self.sizes: list[int] = []
        self.methods: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def named(self, start: str) -> list[Span]:
        return sorted(
            (span for span in self.spans.values() if span.name.startswith(start)),
            key=lambda span: span.start_time_unix_nano,
        )


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_GET(self) -> None:
        self.server.methods.append("GET")
        self.answer(Answer(200, b"<html>welcome</html>", "text/html"))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.methods.append("POST")
        self.server.sizes.append(len(body))
        self.server.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        if self.server.statuses:
            status = self.server.statuses.pop(0)
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if self.server.most_bytes is not None and len(body) > self.server.most_bytes:
            self.answer(Answer(413, b"too large", "text/plain"))
            return
        if self.server.answers:
            answers = self.server.answers
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
        else:
            answer = Answer(body=partial_success(self.server.rejects, "too many") if self.server.rejects else b"")
            answer.keeps = True
        if answer.keeps:
            self.keep(body)
        self.answer(answer)

    def keep(self, body: bytes) -> None:
        assert self.headers["Content-Type"] == "application/x-protobuf"
        if self.headers["Content-Encoding"] == "gzip":
            body = gzip.decompress(body)
        request = ExportTraceServiceRequest.FromString(body)
        for resource in request.resource_spans:
            self.server.resources.append(values(resource.resource.attributes))
            for scope in resource.scope_spans:
                for span in scope.spans:
                    self.server.spans[span.trace_id.hex(), span.span_id.hex()] = span

    def answer(self, answer: Answer) -> None:
        self.send_response(answer.status)
        if answer.content_type is not None:
            self.send_header("Content-Type", answer.content_type)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def receiving(port: int = 0) -> Iterator[Receiver]:
    receiver = Receiver(port)
    thread = threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.shutdown()
        receiver.server_close()
        thread.join()


def values(attributes: list[KeyValue]) -> dict:
    return {attribute.key: _value(attribute.value) for attribute in attributes}


def _value(value: AnyValue) -> object:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(entry) for entry in value.array_value.values]
    return getattr(value, kind)
