"""OpenCode, ``npm install -g opencode-ai``, tried with 1.14.34 and 1.18.33.

Speaks Chat Completions. No line says that it is done: the last step's end with the reason ``stop`` does. Where its
model's server is gone it sends its request again for ever, and prints nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from infraray.workspaces.scaffolds.events import Ended, Event, Failure, Said, ShellCommand, Started, Trouble
from infraray.workspaces.scaffolds.failure_words import failure_of
from infraray.workspaces.scaffolds.json_lines import JsonLinesReader, mapping, text, whole_number
from infraray.workspaces.scaffolds.npm_scaffold import NpmScaffold
from infraray.workspaces.scaffolds.scaffold import Launch, Workplace, longest_answer

_NO_TOOLS = ("webfetch", "websearch", "task", "question")
"""They leave the sandbox, start agents beside the agent, or ask a person."""

_UNREAD = ("unknown", "other", "error")
"""Ends of answers that it could not read; it asks again at once, for ever."""


class OpenCode(NpmScaffold):
    """The coding agent of the OpenCode project."""

    name = "opencode"
    command = "opencode"
    native = "opencode-linux-*/bin/opencode"
    package = "opencode-ai"
    silence_s: ClassVar[float] = 900.0  # it prints a command when that has ended

    def start(self, at: Workplace) -> Launch:
        """A title of ours saves the request for one."""
        return self._launch(at, "--title", "workspace")

    def resume(self, at: Workplace, session: str | None) -> Launch:
        """``--continue`` takes the folder's last conversation."""
        return self._launch(at, *(["--continue"] if session is None else ["--session", session]))

    def _launch(self, at: Workplace, *arguments: str) -> Launch:
        path = at.home / "opencode.json"
        # What it would fetch from other hosts is out of reach.
        env = {
            "OPENCODE_CONFIG": str(path),
            "OPENCODE_DISABLE_AUTOUPDATE": "1",
            "OPENCODE_DISABLE_DEFAULT_PLUGINS": "1",
            "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
            "OPENCODE_DISABLE_MODELS_FETCH": "1",
            "OPENCODE_FAKE_VCS": "git",
            "OPENCODE_PURE": "1",
        }
        argv = [self.path, "run", "--model", f"proxy/{at.model}", "--format", "json", *arguments]
        return Launch(argv, env, {path: json.dumps(_configuration(at), indent=1)})

    def reader(self) -> OpenCodeReader:
        """A reader of ``run --format json``."""
        return OpenCodeReader()


def _configuration(at: Workplace) -> dict[str, Any]:
    model: dict[str, Any] = {}
    if at.context_tokens is not None:
        model["limit"] = {"context": at.context_tokens, "output": longest_answer(at.context_tokens)}
    options = {"baseURL": f"{at.base_url}/v1", "apiKey": "none", "timeout": False}
    return {
        # A permission that asks would wait for ever.
        "permission": {"*": "allow", **dict.fromkeys(_NO_TOOLS, "deny")},
        "autoupdate": False,
        "share": "disabled",
        "small_model": f"proxy/{at.model}",
        "provider": {"proxy": {"npm": "@ai-sdk/openai-compatible", "options": options, "models": {at.model: model}}},
    }


class OpenCodeReader(JsonLinesReader):
    """Every line names the conversation."""

    def __init__(self) -> None:
        self._session: str | None = None

    def events(self, told: Mapping[str, Any]) -> list[Event]:
        """The events of one object."""
        events: list[Event] = []
        session = text(told, "sessionID")
        if self._session is None and session:
            self._session = session
            events.append(Started(session))
        kind, part = text(told, "type"), mapping(told, "part")
        if kind == "text" and text(part, "text") and not part.get("synthetic"):
            events.append(Said(text(part, "text")))
        elif kind == "tool_use":
            events += _tool(text(part, "tool"), mapping(part, "state"))
        elif kind == "step_finish" and text(part, "reason") == "stop":
            events.append(Ended())
        elif kind == "step_finish" and text(part, "reason") in _UNREAD:
            words = f"the model's answer ended for the reason {text(part, 'reason')}"
            events.append(Trouble(Failure.MODEL_UNREACHABLE, words))
        elif kind == "error":
            data = mapping(mapping(told, "error"), "data")
            words = text(data, "message") or text(mapping(told, "error"), "name")
            events.append(Ended(failure_of(words, whole_number(data, "statusCode")), words))
        return events


def _tool(tool: str, state: Mapping[str, Any]) -> list[Event]:
    if tool == "question":
        return [Trouble(Failure.ASKED, str(state.get("input")))]
    if tool != "bash":
        return []
    command = text(mapping(state, "input"), "command")
    if text(state, "status") == "error":
        return [ShellCommand(command, text(state, "error"))]
    return [ShellCommand(command, text(state, "output"), whole_number(mapping(state, "metadata"), "exit"))]
