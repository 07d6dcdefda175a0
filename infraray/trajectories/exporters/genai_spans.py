"""An episode as a trace of OpenTelemetry's GenAI spans.

Attributes follow the semantic conventions for generative AI
(https://opentelemetry.io/docs/specs/semconv/gen-ai/), as of their version 1.37, the first with messages as
attributes; what they do not name is ``infraray.*``. The trace's id is the episode's id, and each span's id is
derived from it, so that a receiver that gets an episode twice stores it once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from infraray.agents import find_agent_kind, parse_agent
from infraray.errors import InfrarayError
from infraray.trajectories.exporters.conversation import (
    Exchange,
    Message,
    as_text,
    exchanges,
    has_model,
    plain_message,
    system_message,
)
from infraray.trajectories.exporters.metadata import METADATA
from infraray.trajectories.manifest import Manifest
from infraray.trajectories.stored_episode import Span, StoredEpisode

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import SpanKind

_EPISODE_COLUMNS = (*METADATA, "attempts", "input_tokens", "output_tokens", "failure")
_STEP_COLUMNS = (
    "index",
    "action_said",
    "action_understood",
    "valid",
    "invalid_reason",
    "reward",
    "terminated",
    "truncated",
    "safe",
)


def spans_of(episode: StoredEpisode, manifest: Manifest) -> Iterator[ReadableSpan]:
    """Yields an episode's spans, the root first."""
    from opentelemetry.trace import SpanKind

    row = episode.row
    scenario = manifest.scenarios[row["scenario_label"]]
    trace = _Trace(row["episode_id"], manifest)
    times = episode.times
    start = row["started_at"].timestamp()
    ends = max([start + float(row["wall_s"] or 0.0), *(span.end for span in times[-1:])])
    provider = _provider(row["agent"])
    models = [record["model"] for record in episode.agent_records if record.get("model")]
    about = {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.provider.name": provider,
        "gen_ai.agent.name": row["agent"],
        "gen_ai.conversation.id": row["episode_id"],
        "gen_ai.system_instructions": _json(_parts(system_message(scenario))),
        # Token counts are infraray.* here: a receiver that sums gen_ai.usage over a trace would count them twice.
        **{f"infraray.{name}": row[name] for name in _EPISODE_COLUMNS},
    }
    if models:
        about["gen_ai.request.model"] = models[0]
    failure = row["failure"] if row["status"] == "failed" else None
    if failure is not None:
        about["error.type"] = failure.partition(":")[0]
    yield trace.span("root", f"invoke_agent {row['agent']}", SpanKind.INTERNAL, Span(start, ends), about, failure)
    if has_model(episode):
        for exchange, span in zip(exchanges(episode, scenario), times, strict=True):
            yield from _model_spans(trace, exchange, span, provider)
    else:
        for step, span in zip(episode.steps, times, strict=True):
            attributes = {"infraray.step.text_observation": step["text_observation"], **_step_attributes(step)}
            yield trace.span(f"step {step['index']}", "act", SpanKind.INTERNAL, span, attributes)


class _Trace:
    """Makes the spans of one episode."""

    def __init__(self, episode_id: str, manifest: Manifest) -> None:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope

        version = manifest.infraray_version
        self.episode_id = episode_id
        self.resource = Resource({"service.name": "infraray", "service.version": version})
        self.scope = InstrumentationScope("infraray", version, "https://opentelemetry.io/schemas/1.37.0")

    def span(
        self,
        part: str,
        name: str,
        kind: SpanKind,
        when: Span,
        attributes: Mapping[str, Any],
        failure: str | None = None,
    ) -> ReadableSpan:
        """A span.

        Args:
            part: the part of the episode that it covers, from which its id is derived.
            name: what a reader sees.
            kind: internal, or client for calls of a model.
            when: its start and end.
            attributes: those that are None are left out.
            failure: what went wrong; None if nothing did.
        """
        from opentelemetry.sdk.trace import ReadableSpan
        from opentelemetry.trace import Status, StatusCode

        return ReadableSpan(
            name,
            context=self._context(part),
            parent=None if part == "root" else self._context("root"),
            resource=self.resource,
            attributes={key: value for key, value in attributes.items() if value is not None},
            kind=kind,
            status=Status() if failure is None else Status(StatusCode.ERROR, failure),
            start_time=round(when.start * 1e9),
            end_time=round(when.end * 1e9),
            instrumentation_scope=self.scope,
        )

    def _context(self, part: str) -> Any:
        from opentelemetry.trace import SpanContext, TraceFlags

        digest = hashlib.sha256(f"{self.episode_id} {part}".encode()).digest()
        return SpanContext(
            int(self.episode_id, 16), int.from_bytes(digest[:8]), is_remote=False, trace_flags=TraceFlags(1)
        )


def _model_spans(trace: _Trace, exchange: Exchange, when: Span, provider: str) -> Iterator[ReadableSpan]:
    """The call of the model in one step, and the tools that it called."""
    from opentelemetry.trace import SpanKind

    record, step = exchange.record, exchange.step
    model = record.get("model")
    calls = record.get("tool_calls") or []
    # The model's own time comes first; the rest of the step went to the tools.
    ends = when.end if not calls else min(when.end, when.start + float(record.get("latency_s") or 0.0))
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": provider,
        "gen_ai.conversation.id": trace.episode_id,
        "gen_ai.request.model": model,
        "gen_ai.usage.input_tokens": step["input_tokens"],
        "gen_ai.usage.output_tokens": step["output_tokens"],
        # Not in the conventions; Langfuse reads it.
        "gen_ai.usage.cost": record.get("cost"),
        "gen_ai.response.finish_reasons": [record["finish_reason"]] if record.get("finish_reason") else None,
        "gen_ai.input.messages": _json(
            [_message(plain_message(message)) for message in (*record["messages"], *record.get("dialogue", ()))]
        ),
        "gen_ai.output.messages": _json([_answer(exchange)]),
        "infraray.time_to_first_token_s": record.get("time_to_first_token_s"),
        "infraray.latency_s": record.get("latency_s"),
        "infraray.retries": record.get("retries"),
        "infraray.cached": record.get("cached"),
        **_step_attributes(step),
    }
    part = f"step {step['index']}"
    name = f"chat {model}" if model else "chat"
    yield trace.span(part, name, SpanKind.CLIENT, Span(when.start, ends), attributes)
    each = (when.end - ends) / max(1, len(calls))
    for number, call in enumerate(calls):
        yield trace.span(
            f"{part} tool {number}",
            f"execute_tool {call['name']}",
            SpanKind.INTERNAL,
            Span(ends + number * each, ends + (number + 1) * each),
            {
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": call["name"],
                "gen_ai.tool.type": "function",
                "gen_ai.tool.call.id": call.get("id") or f"call_{step['index']}_{number}",
                "gen_ai.tool.call.arguments": as_text(call.get("arguments", {})),
                "gen_ai.tool.call.result": as_text(call["result"]) if "result" in call else None,
                "gen_ai.conversation.id": trace.episode_id,
                "infraray.step.index": step["index"],
            },
        )


def _step_attributes(step: Mapping[str, Any]) -> dict[str, Any]:
    return {f"infraray.step.{name}": step[name] for name in _STEP_COLUMNS}


def _message(message: Message) -> dict[str, Any]:
    """A chat message in the conventions' form: a role and parts."""
    return {"role": message["role"], "parts": _parts(message)}


def _answer(exchange: Exchange) -> dict[str, Any]:
    answer = _message(exchange.answer)
    if exchange.reasoning is not None:
        answer["parts"].insert(0, {"type": "reasoning", "content": exchange.reasoning})
    return {**answer, "finish_reason": exchange.record.get("finish_reason") or "stop"}


def _parts(message: Message) -> list[dict[str, Any]]:
    if message["role"] == "tool":
        return [{"type": "tool_call_response", "id": message.get("tool_call_id"), "response": message["content"]}]
    parts: list[dict[str, Any]] = [{"type": "text", "content": message["content"]}] if message["content"] else []
    for call in message.get("tool_calls", ()):
        function = call.get("function", call)
        parts.append(
            {
                "type": "tool_call",
                "id": call.get("id"),
                "name": function.get("name"),
                "arguments": function.get("arguments"),
            }
        )
    return parts


def _provider(agent: str) -> str:
    """The provider of the model: the engine's name, or ``openai`` for anything that speaks its protocol."""
    try:
        spec = parse_agent(agent)
    except InfrarayError:  # its kind is registered by a user's file, which an export does not import
        return "infraray"
    return find_agent_kind(spec.kind).provider(spec.target) or "infraray"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
