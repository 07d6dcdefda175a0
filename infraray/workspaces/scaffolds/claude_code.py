"""Claude Code, ``npm install -g @anthropic-ai/claude-code``, tried with 2.1.114 and 2.1.332.

Speaks Messages. Its last line says ``"subtype": "success"`` even where ``is_error`` is true, so that the latter
counts. It reconnects a few times, then ends.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from infraray.workspaces.scaffolds.events import Ended, Event, Failure, Said, ShellCommand, Started, Trouble
from infraray.workspaces.scaffolds.failure_words import failure_of
from infraray.workspaces.scaffolds.json_lines import JsonLinesReader, mapping, objects, text, whole_number
from infraray.workspaces.scaffolds.npm_scaffold import NpmScaffold
from infraray.workspaces.scaffolds.scaffold import Launch, Workplace, longest_answer

_EXIT_CODE = re.compile(r"Exit code (\d+)\n?")

TOOLS = "Bash,Read,Edit,Write,Glob,Grep"
"""What work in a folder needs. Its further tools ask a person, wait for another day, or run at the provider; with them
its first request is eight times as long."""


class ClaudeCode(NpmScaffold):
    """Anthropic's coding agent."""

    name = "claude-code"
    command = "claude"
    native = "@anthropic-ai/claude-code-linux-*/claude"
    package = "@anthropic-ai/claude-code"
    silence_s: ClassVar[float] = 900.0  # its shell gives a command up to ten minutes

    def start(self, at: Workplace) -> Launch:
        """The prompt comes from standard input with ``-p``."""
        return self._launch(at)

    def resume(self, at: Workplace, session: str | None) -> Launch:
        """``--continue`` takes the folder's last conversation."""
        return self._launch(at, *(["--continue"] if session is None else ["--resume", session]))

    def _launch(self, at: Workplace, *arguments: str) -> Launch:
        argv = [
            *(self.path, "-p", "--output-format", "stream-json", "--verbose"),
            *("--dangerously-skip-permissions", "--tools", TOOLS, "--model", at.model),
            *arguments,
        ]
        models = ("OPUS", "SONNET", "HAIKU")
        env = {
            "ANTHROPIC_BASE_URL": at.base_url,
            "ANTHROPIC_AUTH_TOKEN": "none",
            # Root may skip permissions only where this says that it is contained.
            "IS_SANDBOX": "1",
            # Every request beside the agent's own turns goes to the one model that there is.
            **{f"ANTHROPIC_DEFAULT_{name}_MODEL": at.model for name in models},
            "ANTHROPIC_SMALL_FAST_MODEL": at.model,
            "CLAUDE_CODE_SUBAGENT_MODEL": at.model,
            # An answer may wait for a queue or a budget; a request sent again would cost it twice.
            "API_TIMEOUT_MS": "100000000",
            "API_FORCE_IDLE_TIMEOUT": "0",
            "CLAUDE_ENABLE_STREAM_WATCHDOG": "0",
            "CLAUDE_ENABLE_BYTE_WATCHDOG": "0",
            "CLAUDE_CODE_MAX_RETRIES": "4",
            # What it remembers of other conversations, asks elsewhere or tries out has no place in a comparison.
            "CLAUDE_CODE_DISABLE_AUTO_MEMORY": "1",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "CLAUDE_CODE_DISABLE_EXPERIMENTAL_BETAS": "1",
            # A line that differs with every request, at the beginning of the prompt: no server could keep a prefix.
            "CLAUDE_CODE_ATTRIBUTION_HEADER": "0",
            "DISABLE_AUTOUPDATER": "1",
        }
        if at.context_tokens is not None:
            env["CLAUDE_CODE_MAX_OUTPUT_TOKENS"] = str(longest_answer(at.context_tokens))
        return Launch(argv, env)

    def reader(self) -> ClaudeCodeReader:
        """A reader of ``stream-json``."""
        return ClaudeCodeReader()


class ClaudeCodeReader(JsonLinesReader):
    """A command and its output are two lines, which the call's id connects."""

    def __init__(self) -> None:
        self._commands: dict[str, str] = {}

    def events(self, told: Mapping[str, Any]) -> list[Event]:
        """The events of one object."""
        kind, about = text(told, "type"), text(told, "subtype")
        if kind == "system" and about == "init" and text(told, "session_id"):
            return [Started(text(told, "session_id"))]
        if kind == "system" and about == "api_retry":
            words = text(told, "error") or "the request is sent again"
            status = whole_number(told, "error_status")
            return [Trouble(failure_of(words, status, Failure.MODEL_UNREACHABLE), words)]
        if kind == "assistant":
            return [event for block in self._blocks(told) for event in self._said(block)]
        if kind == "user":
            return [event for block in self._blocks(told) for event in self._returned(block)]
        return self._ended(told) if kind == "result" else []

    def _blocks(self, told: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        return objects(mapping(told, "message"), "content")

    def _said(self, block: Mapping[str, Any]) -> list[Event]:
        kind, tool = text(block, "type"), text(block, "name")
        if kind == "text" and text(block, "text"):
            return [Said(text(block, "text"))]
        if kind == "tool_use" and tool == "Bash":
            self._commands[text(block, "id")] = text(mapping(block, "input"), "command")
        if kind == "tool_use" and tool == "AskUserQuestion":
            return [Trouble(Failure.ASKED, str(block.get("input")))]
        return []

    def _returned(self, block: Mapping[str, Any]) -> list[Event]:
        command = self._commands.pop(text(block, "tool_use_id"), None)
        if command is None:
            return []
        output = text(block, "content") or "".join(text(part, "text") for part in objects(block, "content"))
        if not block.get("is_error"):
            return [ShellCommand(command, output, 0)]
        said = _EXIT_CODE.match(output)
        return [ShellCommand(command, output[said.end() :] if said else output, int(said[1]) if said else None)]

    def _ended(self, told: Mapping[str, Any]) -> list[Event]:
        words = text(told, "result") or str(told.get("errors") or "")
        if told.get("is_error"):
            return [Ended(failure_of(words, whole_number(told, "api_error_status")), words)]
        return [Ended(text=words)]
