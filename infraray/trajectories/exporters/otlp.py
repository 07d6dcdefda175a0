"""OpenTelemetry: episodes as traces of GenAI spans, sent over OTLP/HTTP. Needs the extra ``infraray[otel]``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from infraray.errors import InfrarayError
from infraray.trajectories.exporters.exporter import Exporter
from infraray.trajectories.exporters.genai_spans import spans_of
from infraray.trajectories.exporters.otlp_receiver import (
    NotDelivered,
    Receiver,
    TooLarge,
    environment_headers,
    find_endpoint,
    wants_gzip,
)
from infraray.trajectories.manifest import Manifest
from infraray.trajectories.stored_episode import StoredEpisode

SPANS_AT_ONCE = 512
BYTES_AT_ONCE = 2 * 2**20
"""Receivers refuse large requests (Langfuse's cloud over 4.5 MB), and prompts are long."""

RETRY_WAITS_S = (0.5, 1.0, 2.0, 4.0, 8.0)


class Otlp(Exporter):
    """OpenTelemetry spans, sent to a receiver of traces.

    Args:
        manifest: what ``run.json`` holds.
        endpoint: the receiver's URL; ``/v1/traces`` is appended if it is missing. By default the value of
            ``OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`` or ``OTEL_EXPORTER_OTLP_ENDPOINT``, or else a collector on
            this machine.
        headers: sent with every request, beside those of ``OTEL_EXPORTER_OTLP_HEADERS``.
        retry_waits_s: seconds before each further try when the receiver is down or busy.

    Raises:
        InfrarayError: OpenTelemetry is not installed, or the endpoint is not a URL.
    """

    def __init__(
        self,
        manifest: Manifest,
        endpoint: str | None = None,
        headers: Mapping[str, str] | None = None,
        retry_waits_s: Sequence[float] = RETRY_WAITS_S,
    ) -> None:
        try:
            import opentelemetry.exporter.otlp.proto.common.trace_encoder
            import opentelemetry.sdk.trace  # noqa: F401
        except ImportError:
            raise InfrarayError("--to otlp: OpenTelemetry is not installed; run pip install 'infraray[otel]'") from None
        super().__init__(manifest)
        self.receiver = Receiver(
            find_endpoint(endpoint), {**environment_headers(), **(headers or {})}, wants_gzip(), retry_waits_s
        )
        self.episodes = 0
        self.spans = 0
        self._waiting: list[Any] = []
        """Requests of one span each."""
        self._waiting_bytes = 0
        self._most_bytes = BYTES_AT_ONCE

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None:
            self._send()

    def write(self, episode: StoredEpisode) -> str | None:
        """Sends an episode, or holds it until there are enough spans; returns None."""
        from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

        for span in spans_of(episode, self.manifest):
            encoded = encode_spans([span])
            size = encoded.ByteSize()
            if self._waiting_bytes + size > self._most_bytes:
                self._send()
            self._waiting.append(encoded)
            self._waiting_bytes += size
            if len(self._waiting) >= SPANS_AT_ONCE:
                self._send()
        self.episodes += 1
        return None

    def summary(self) -> str:
        """A summary of what was sent, in one line."""
        said = f"; the receiver says: {self.receiver.remark}" if self.receiver.remark else ""
        return (
            f"{self.episodes} episodes sent as {self.episodes} traces with {self.spans} spans to "
            f"{self.receiver.endpoint}{said}"
        )

    def _send(self) -> None:
        waiting, self._waiting, self._waiting_bytes = self._waiting, [], 0
        if waiting:
            self._deliver(waiting)

    def _deliver(self, requests: list[Any]) -> None:
        """Sends requests of one span each as one; in halves if that is too large for the receiver."""
        together = _merged(requests)
        try:
            self.receiver.send(together.SerializeToString())
        except TooLarge:
            if len(requests) == 1:
                raise self._failure(
                    f"accepts no request of {together.ByteSize()} bytes, the size of a single span"
                ) from None
            self._most_bytes = min(self._most_bytes, together.ByteSize() // 2)
            middle = len(requests) // 2
            self._deliver(requests[:middle])
            self._deliver(requests[middle:])
        except NotDelivered as reason:
            raise self._failure(str(reason)) from None
        else:
            self.spans += len(requests)

    def _failure(self, reason: str) -> InfrarayError:
        return InfrarayError(
            f"{self.receiver.endpoint}: {reason}; {self.spans} spans were sent before; "
            "the same command sends all again, without duplicates"
        )


def _merged(requests: Sequence[Any]) -> Any:
    """One request with the spans of several whose resource and scope are the same."""
    merged = type(requests[0])()
    merged.CopyFrom(requests[0])
    spans = merged.resource_spans[0].scope_spans[0].spans
    for request in requests[1:]:
        spans.extend(request.resource_spans[0].scope_spans[0].spans)
    return merged
