"""Messages (Anthropic): ``POST /v1/messages``, which Claude Code speaks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from infraray.protocol.answers import token_count
from infraray.workspaces.dialects.dialect import Answer, Call, Dialect, drop, keep_tools, told, without_urls

_READ = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")


class Messages(Dialect):
    """Blocks inside messages."""

    path: ClassVar[str] = "/messages"
    name: ClassVar[str] = "messages"
    ran_by_us: ClassVar[tuple[str, ...]] = ("custom", "bash_", "text_editor_", "computer_", "memory_")

    def headers(self, key: str, is_anthropic: bool) -> dict[str, str]:
        """Anthropic's header; other servers of this protocol look for a bearer token."""
        if not key:
            return {}
        return {"x-api-key": key} if is_anthropic else {"x-api-key": key, "Authorization": f"Bearer {key}"}

    def clean(self, request: dict[str, Any]) -> list[str]:
        """Removes tools and servers that the provider calls, and addresses of images and documents."""
        removed = drop(request, ("mcp_servers", "container"))
        removed += keep_tools(request, lambda tool: str(tool.get("type") or "custom").startswith(self.ran_by_us))
        request["messages"] = without_urls(request.get("messages"), removed)
        return removed

    def turns(self, request: Mapping[str, Any]) -> list[dict[str, str]]:
        """The system's text and the messages; a result of a tool has the role of a tool."""
        found = [{"role": "system", "content": told(request["system"])}] if request.get("system") else []
        for message in request.get("messages") or ():
            if not isinstance(message, Mapping):
                continue
            content = message.get("content")
            blocks = content if isinstance(content, list) else []
            results = [b for b in blocks if isinstance(b, Mapping) and b.get("type") == "tool_result"]
            role = "tool" if results and len(results) == len(blocks) else str(message.get("role"))
            found.append({"role": role, "content": told(content)})
        return found

    def limit(self, request: dict[str, Any], tokens: int) -> None:
        """``max_tokens``, above which no thinking may be asked for."""
        given = request.get("max_tokens")
        request["max_tokens"] = min(given, tokens) if isinstance(given, int) else tokens
        thinking = request.get("thinking")
        if isinstance(thinking, Mapping) and thinking.get("budget_tokens", 0) >= request["max_tokens"]:
            request.pop("thinking")

    def take(self, answer: Answer, document: Mapping[str, Any]) -> None:
        """An event."""
        kind, index = document.get("type"), document.get("index")
        if kind == "message_start":
            self._count(answer, (document.get("message") or {}).get("usage"))
        elif kind == "content_block_start":
            self._take_block(answer, document.get("content_block") or {}, index, begins=True)
        elif kind == "content_block_delta":
            delta = document.get("delta") or {}
            answer.text.append(delta.get("text") or "")
            answer.reasoning.append(delta.get("thinking") or "")
            if index in answer.calls:
                answer.calls[index].arguments += delta.get("partial_json") or ""
        elif kind == "message_delta":
            answer.ended = (document.get("delta") or {}).get("stop_reason")
            self._count(answer, document.get("usage"))
        elif kind == "message_stop":
            answer.is_whole = True
        elif kind == "error":
            answer.error = told((document.get("error") or {}).get("message"))

    def read(self, document: Mapping[str, Any]) -> Answer:
        """A message."""
        answer = Answer(is_whole=True, ended=document.get("stop_reason"))
        for position, block in enumerate(document.get("content") or ()):
            self._take_block(answer, block, position, begins=False)
        self._count(answer, document.get("usage"))
        return answer

    def error(self, status: int, reason: str) -> dict[str, Any]:
        """Anthropic's form."""
        return {"type": "error", "error": {"type": "invalid_request_error", "message": reason}}

    def error_events(self, reason: str) -> bytes:
        """An error as an event."""
        return b"event: error\ndata: " + json.dumps(self.error(500, reason)).encode() + b"\n\n"

    def _take_block(self, answer: Answer, block: Mapping[str, Any], position: Any, begins: bool) -> None:
        kind = block.get("type")
        if kind == "text":
            answer.text.append(str(block.get("text") or ""))
        elif kind == "thinking":
            answer.reasoning.append(str(block.get("thinking") or ""))
        elif kind == "tool_use":
            answer.calls[position] = Call(str(block.get("name")), "" if begins else json.dumps(block.get("input")))

    def _count(self, answer: Answer, usage: Any) -> None:
        read = [count for name in _READ if (count := token_count(usage, name)) is not None]
        if read and sum(read) > 0:
            answer.input_tokens = sum(read)
        if (written := token_count(usage, "output_tokens")) is not None:
            answer.output_tokens = written
