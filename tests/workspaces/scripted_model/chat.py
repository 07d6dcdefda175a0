"""OpenAI's Chat Completions, which OpenCode speaks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tests.workspaces.scripted_model.dialect import Answer, Dialect, event, halves, new_id


class ChatCompletions(Dialect):
    """``POST /v1/chat/completions``."""

    path = "/v1/chat/completions"

    def offered(self, body: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
        functions = [tool["function"] for tool in body.get("tools") or ()]
        return {function["name"]: function["parameters"] for function in functions}

    def document(self, answer: Answer) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": answer.text}
        if answer.tool is not None:
            message["tool_calls"] = [_called(answer.tool)]
        choice = {"index": 0, "message": message, "finish_reason": _reason(answer)}
        return {**_frame(answer, "chat.completion"), "choices": [choice], "usage": _usage(answer)}

    def events(self, answer: Answer) -> Iterator[bytes]:
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
        deltas += [{"content": piece} for piece in halves(answer.text) if piece]
        if answer.tool is not None:
            called = _called(answer.tool)
            arguments = called["function"].pop("arguments")
            deltas.append({"tool_calls": [{"index": 0, **called, "function": {**called["function"], "arguments": ""}}]})
            deltas += [
                {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]} for piece in halves(arguments) if piece
            ]
        for delta in deltas:
            yield self._chunk(answer, [{"index": 0, "delta": delta, "finish_reason": None}])
        yield self._chunk(answer, [{"index": 0, "delta": {}, "finish_reason": _reason(answer)}])
        yield event({**_frame(answer, "chat.completion.chunk"), "choices": [], "usage": _usage(answer)})
        yield b"data: [DONE]\n\n"

    def refusal(self, status: int, reason: str) -> dict[str, Any]:
        return {"error": {"message": reason, "type": "error", "code": status}}

    def said(self, body: Mapping[str, Any]) -> list[str]:
        return [_text(message.get("content")) for message in body["messages"]]

    def _chunk(self, answer: Answer, choices: list[dict[str, Any]]) -> bytes:
        return event({**_frame(answer, "chat.completion.chunk"), "choices": choices})


def _frame(answer: Answer, kind: str) -> dict[str, Any]:
    return {"id": answer.id, "object": kind, "created": 0, "model": answer.model}


def _called(tool: tuple[str, Mapping[str, Any]]) -> dict[str, Any]:
    name, arguments = tool
    return {"id": new_id("call"), "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}


def _reason(answer: Answer) -> str:
    return "stop" if answer.tool is None else "tool_calls"


def _usage(answer: Answer) -> dict[str, int]:
    total = answer.input_tokens + answer.output_tokens
    return {"prompt_tokens": answer.input_tokens, "completion_tokens": answer.output_tokens, "total_tokens": total}


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "".join(part.get("text", "") for part in content)
    return content or ""
