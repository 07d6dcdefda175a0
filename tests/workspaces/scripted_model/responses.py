"""OpenAI's Responses, which Codex speaks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tests.workspaces.scripted_model.dialect import Answer, Dialect, event, halves, new_id


class Responses(Dialect):
    """``POST /v1/responses``."""

    path = "/v1/responses"

    def offered(self, body: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
        return {tool["name"]: tool["parameters"] for tool in body.get("tools") or () if tool["type"] == "function"}

    def document(self, answer: Answer) -> dict[str, Any]:
        return _response(answer, "completed", [{**item, "status": "completed"} for item in _items(answer)])

    def events(self, answer: Answer) -> Iterator[bytes]:
        yield _event("response.created", response=_response(answer, "in_progress", []))
        items = _items(answer)
        for index, item in enumerate(items):
            yield _event("response.output_item.added", output_index=index, item=_begun(item))
            if item["type"] == "message":
                text = item["content"][0]["text"]
                place = {"item_id": item["id"], "output_index": index, "content_index": 0}
                for piece in halves(text):
                    yield _event("response.output_text.delta", **place, delta=piece)
                yield _event("response.output_text.done", **place, text=text)
            else:
                place = {"item_id": item["id"], "output_index": index}
                for piece in halves(item["arguments"]):
                    yield _event("response.function_call_arguments.delta", **place, delta=piece)
                yield _event("response.function_call_arguments.done", **place, arguments=item["arguments"])
            yield _event("response.output_item.done", output_index=index, item={**item, "status": "completed"})
        yield _event("response.completed", response=_response(answer, "completed", items))

    def refusal(self, status: int, reason: str) -> dict[str, Any]:
        return {"error": {"message": reason, "type": "error", "code": str(status)}}

    def said(self, body: Mapping[str, Any]) -> list[str]:
        given = body["input"]
        items = [{"content": given}] if isinstance(given, str) else given
        return [_text(body.get("instructions")), *(_text(item.get("content") or item.get("output")) for item in items)]


def _response(answer: Answer, status: str, items: list[dict[str, Any]]) -> dict[str, Any]:
    usage = {
        "input_tokens": answer.input_tokens,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": answer.output_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": answer.input_tokens + answer.output_tokens,
    }
    return {
        "id": answer.id.replace("answer", "resp"),
        "object": "response",
        "created_at": 0,
        "status": status,
        "model": answer.model,
        "output": items,
        "usage": usage if status == "completed" else None,
    }


def _items(answer: Answer) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    if answer.text:
        content = [{"type": "output_text", "text": answer.text, "annotations": []}]
        items.append({"id": new_id("msg"), "type": "message", "role": "assistant", "content": content})
    if answer.tool is not None:
        name, arguments = answer.tool
        called = {"call_id": new_id("call"), "name": name, "arguments": json.dumps(arguments)}
        items.append({"id": new_id("fc"), "type": "function_call", **called})
    return items


def _begun(item: Mapping[str, Any]) -> dict[str, Any]:
    empty: dict[str, Any] = {"content": []} if item["type"] == "message" else {"arguments": ""}
    return {**item, **empty, "status": "in_progress"}


def _event(kind: str, **data: Any) -> bytes:
    return event({"type": kind, **data}, kind)


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "".join(part.get("text", "") for part in content)
    return content or ""
