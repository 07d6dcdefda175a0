"""Responses (OpenAI): ``POST /v1/responses``, which Codex speaks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from infraray.protocol.answers import token_count
from infraray.workspaces.dialects.dialect import Answer, Call, Dialect, drop, keep_tools, told, without_urls

_CALLS = ("function_call", "custom_tool_call", "local_shell_call", "shell_call", "apply_patch_call")


class Responses(Dialect):
    """Items instead of messages."""

    path: ClassVar[str] = "/responses"
    name: ClassVar[str] = "responses"
    ran_by_us: ClassVar[tuple[str, ...]] = ("function", "custom", "local_shell", "shell", "apply_patch", "namespace")

    def headers(self, key: str, is_anthropic: bool) -> dict[str, str]:
        """A bearer token."""
        return {"Authorization": f"Bearer {key}"} if key else {}

    def clean(self, request: dict[str, Any]) -> list[str]:
        """Removes tools that the provider runs, work in the background, stored answers, addresses of files."""
        removed = drop(request, ("background", "conversation", "prompt"))
        removed += keep_tools(request, lambda tool: tool.get("type") in self.ran_by_us and not _is_remote(tool))
        request["input"] = without_urls(request.get("input"), removed)
        request["store"] = False
        return removed

    def turns(self, request: Mapping[str, Any]) -> list[dict[str, str]]:
        """The instructions and the items."""
        given = request.get("input")
        found = [{"role": "system", "content": str(request["instructions"])}] if request.get("instructions") else []
        for item in [given] if isinstance(given, str) else given or ():
            if isinstance(item, str):
                found.append({"role": "user", "content": item})
            elif isinstance(item, Mapping):
                kind = str(item.get("type") or "message")
                role = (
                    str(item.get("role")) if kind == "message" else "tool" if kind.endswith("output") else "assistant"
                )
                found.append({"role": role, "content": told(item)})
        return found

    def limit(self, request: dict[str, Any], tokens: int) -> None:
        """``max_output_tokens``, of which there are at least 16; who asks for none gets what the context leaves."""
        given = request.get("max_output_tokens")
        if isinstance(given, int):
            request["max_output_tokens"] = max(16, min(given, tokens))

    def take(self, answer: Answer, document: Mapping[str, Any]) -> None:
        """An event: items when they are done, the response when it is."""
        kind = str(document.get("type"))
        if kind == "response.output_item.done":
            self._take_item(answer, document.get("item") or {}, document.get("output_index"))
        elif kind in ("response.completed", "response.incomplete", "response.failed"):
            response = document.get("response") or {}
            self._take_end(answer, response)
            if not answer.text and not answer.calls:
                self._take_items(answer, response)
        elif kind == "error":
            answer.error = str(document.get("message"))

    def read(self, document: Mapping[str, Any]) -> Answer:
        """A response."""
        answer = Answer()
        self._take_items(answer, document)
        self._take_end(answer, document)
        return answer

    def error(self, status: int, reason: str) -> dict[str, Any]:
        """OpenAI's form."""
        return {"error": {"message": reason, "type": "invalid_request_error", "code": str(status), "param": None}}

    def error_events(self, reason: str) -> bytes:
        """A failed response."""
        error = {"code": "server_error", "message": reason}
        event = {"type": "response.failed", "response": {"id": "resp_none", "status": "failed", "error": error}}
        return b"event: response.failed\ndata: " + json.dumps(event).encode() + b"\n\n"

    def _take_items(self, answer: Answer, response: Mapping[str, Any]) -> None:
        for position, item in enumerate(response.get("output") or ()):
            self._take_item(answer, item, position)

    def _take_item(self, answer: Answer, item: Mapping[str, Any], position: Any) -> None:
        kind = item.get("type")
        if kind == "message":
            answer.text.append(told(item.get("content")))
        elif kind == "reasoning":
            answer.reasoning.append(told(item.get("content") or item.get("summary")))
        elif kind in _CALLS:
            given = item.get("arguments") or item.get("input") or item.get("action") or item.get("operation") or ""
            arguments = given if isinstance(given, str) else json.dumps(given)
            answer.calls[position] = Call(str(item.get("name") or kind), arguments)

    def _take_end(self, answer: Answer, response: Mapping[str, Any]) -> None:
        answer.ended = str(response.get("status"))
        answer.is_whole = True
        answer.input_tokens = token_count(response.get("usage"), "input_tokens")
        answer.output_tokens = token_count(response.get("usage"), "output_tokens")
        if response.get("error"):
            answer.error = told(response["error"].get("message"))


def _is_remote(tool: Mapping[str, Any]) -> bool:
    """Whether a shell is one in a container of the provider."""
    environment = tool.get("environment")
    return isinstance(environment, Mapping) and environment.get("type") not in (None, "local")
