"""Chat Completions (OpenAI): ``POST /v1/chat/completions``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from infraray.protocol.answers import finish_reason, message_of, reasoning_of, spoken, token_count
from infraray.protocol.errors import stated_error
from infraray.workspaces.dialects.dialect import Answer, Call, Dialect, drop, keep_tools, told, without_urls


class ChatCompletions(Dialect):
    """The most widely spoken one."""

    path: ClassVar[str] = "/chat/completions"
    name: ClassVar[str] = "chat_completions"
    ran_by_us: ClassVar[tuple[str, ...]] = ("function", "custom")

    def headers(self, key: str, is_anthropic: bool) -> dict[str, str]:
        """A bearer token."""
        return {"Authorization": f"Bearer {key}"} if key else {}

    def clean(self, request: dict[str, Any]) -> list[str]:
        """Removes web search, plug-ins, tools that are no functions, addresses of images; asks for a count."""
        removed = drop(request, ("web_search_options", "plugins", "mcp_servers", "store"))
        removed += keep_tools(request, lambda tool: tool.get("type", "function") in self.ran_by_us)
        request["messages"] = without_urls(request.get("messages"), removed)
        if request.get("stream"):
            request["stream_options"] = {**(request.get("stream_options") or {}), "include_usage": True}
        return removed

    def turns(self, request: Mapping[str, Any]) -> list[dict[str, str]]:
        """The messages."""
        found = []
        for message in request.get("messages") or ():
            if isinstance(message, Mapping):
                found.append({"role": str(message.get("role")), "content": told(message.get("content"))})
        return found

    def limit(self, request: dict[str, Any], tokens: int) -> None:
        """``max_tokens``, or the newer ``max_completion_tokens``."""
        name = "max_completion_tokens" if "max_completion_tokens" in request else "max_tokens"
        given = request.get(name)
        request[name] = min(given, tokens) if isinstance(given, int) else tokens

    def take(self, answer: Answer, document: Mapping[str, Any]) -> None:
        """A chunk, or a whole document, whose choices have the same parts."""
        if (error := stated_error(document)) is not None:
            answer.error = told(error) or str(error)
        for choice in document.get("choices") or ():
            if not isinstance(choice, Mapping):
                continue
            said = message_of(choice)
            text, thoughts, _ = spoken(said.get("content"))
            answer.text.append(text)
            answer.reasoning.append(told(reasoning_of(said)) + thoughts)
            for position, call in enumerate(said.get("tool_calls") or ()):
                function = call.get("function") or {}
                known = answer.calls.setdefault(call.get("index", position), Call(""))
                known.name += function.get("name") or ""
                known.arguments += function.get("arguments") or ""
            if (ended := finish_reason(choice)) is not None:
                answer.ended, answer.is_whole = ended, True
        if document.get("usage"):
            answer.input_tokens = token_count(document["usage"], "prompt_tokens")
            answer.output_tokens = token_count(document["usage"], "completion_tokens")

    def read(self, document: Mapping[str, Any]) -> Answer:
        """The same form as a chunk's."""
        answer = Answer()
        self.take(answer, document)
        return answer

    def error(self, status: int, reason: str) -> dict[str, Any]:
        """OpenAI's form."""
        return {"error": {"message": reason, "type": "invalid_request_error", "code": status, "param": None}}

    def error_events(self, reason: str) -> bytes:
        """An error instead of a chunk, then the end."""
        return b"data: " + json.dumps(self.error(500, reason)).encode() + b"\n\ndata: [DONE]\n\n"
