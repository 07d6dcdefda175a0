"""Anthropic's Messages, which Claude Code speaks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tests.workspaces.scripted_model.dialect import Answer, Dialect, event, halves, new_id

KINDS = {400: "invalid_request_error", 401: "authentication_error", 404: "not_found_error", 429: "rate_limit_error"}


class Messages(Dialect):
    """``POST /v1/messages``."""

    path = "/v1/messages"

    def offered(self, body: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
        return {tool["name"]: tool.get("input_schema", {}) for tool in body.get("tools") or ()}

    def document(self, answer: Answer) -> dict[str, Any]:
        content = [{**block, **_filled(block, answer)} for block in _blocks(answer)]
        return {**_frame(answer), "content": content, "stop_reason": _reason(answer), "usage": _usage(answer)}

    def events(self, answer: Answer) -> Iterator[bytes]:
        started = {
            **_frame(answer),
            "content": [],
            "stop_reason": None,
            "usage": {**_usage(answer), "output_tokens": 1},
        }
        yield _event("message_start", message=started)
        for index, block in enumerate(_blocks(answer)):
            yield _event("content_block_start", index=index, content_block=block)
            for delta in _deltas(block, answer):
                yield _event("content_block_delta", index=index, delta=delta)
            yield _event("content_block_stop", index=index)
        ended = {"stop_reason": _reason(answer), "stop_sequence": None}
        yield _event("message_delta", delta=ended, usage={"output_tokens": answer.output_tokens})
        yield _event("message_stop")

    def refusal(self, status: int, reason: str) -> dict[str, Any]:
        return {"type": "error", "error": {"type": KINDS.get(status, "api_error"), "message": reason}}

    def said(self, body: Mapping[str, Any]) -> list[str]:
        system = body.get("system") or ""
        return [_text(system), *(_text(message["content"]) for message in body["messages"])]


def _frame(answer: Answer) -> dict[str, Any]:
    return {
        "id": answer.id.replace("answer", "msg"),
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "stop_sequence": None,
    }


def _blocks(answer: Answer) -> list[dict[str, Any]]:
    """The content's blocks as they begin, still empty."""
    blocks: list[dict[str, Any]] = []
    if answer.text:
        blocks.append({"type": "text", "text": ""})
    if answer.tool is not None:
        blocks.append({"type": "tool_use", "id": new_id("toolu"), "name": answer.tool[0], "input": {}})
    return blocks


def _filled(block: Mapping[str, Any], answer: Answer) -> dict[str, Any]:
    if answer.tool is None or block["type"] == "text":
        return {"text": answer.text}
    return {"input": answer.tool[1]}


def _deltas(block: Mapping[str, Any], answer: Answer) -> Iterator[dict[str, Any]]:
    if answer.tool is None or block["type"] == "text":
        yield from ({"type": "text_delta", "text": piece} for piece in halves(answer.text) if piece)
    else:
        pieces = halves(json.dumps(answer.tool[1]))
        yield from ({"type": "input_json_delta", "partial_json": piece} for piece in pieces)


def _event(kind: str, **data: Any) -> bytes:
    return event({"type": kind, **data}, kind)


def _reason(answer: Answer) -> str:
    return "end_turn" if answer.tool is None else "tool_use"


def _usage(answer: Answer) -> dict[str, int]:
    return {
        "input_tokens": answer.input_tokens,
        "output_tokens": answer.output_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
    }


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts = []
    for part in content:
        parts.append(part.get("text", ""))
        if part.get("type") == "tool_result":
            parts.append(_text(part.get("content") or ""))
    return "".join(parts)
