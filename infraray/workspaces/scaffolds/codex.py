"""Codex, ``npm install -g @openai/codex``, tried with 0.125.0 and 0.171.0.

Speaks Responses only. Where its model's server is gone it reconnects for ever and says so in ``error`` lines, which it
also writes of losses that pass; only ``turn.completed`` and ``turn.failed`` are ends.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from typing import Any, ClassVar

from infraray.workspaces.scaffolds.events import Ended, Event, Failure, Said, ShellCommand, Started, Trouble
from infraray.workspaces.scaffolds.failure_words import failure_of
from infraray.workspaces.scaffolds.json_lines import JsonLinesReader, mapping, text, whole_number
from infraray.workspaces.scaffolds.npm_scaffold import NpmScaffold
from infraray.workspaces.scaffolds.scaffold import Launch, Workplace

_CONFIGURATION = """\
model = {model}
{context}\
model_provider = "proxy"
web_search = "disabled"
check_for_update_on_startup = false
# A login shell would set PATH anew, and the workspace's commands would be lost.
allow_login_shell = false

[model_providers.proxy]
name = "proxy"
base_url = {base_url}
env_key = "OPENAI_API_KEY"
wire_api = "responses"
request_max_retries = 4
stream_max_retries = 4
# An answer may wait for a queue or a budget; a request sent again would cost it twice.
stream_idle_timeout_ms = 3600000

[analytics]
enabled = false

[features]
# Both bring tools that servers other than OpenAI's do not understand.
multi_agent = false
goals = false
# Both look for other hosts at the start and at the end, five seconds each where there are none.
apps = false
plugins = false
"""


class Codex(NpmScaffold):
    """OpenAI's coding agent."""

    name = "codex"
    command = "codex"
    native = "@openai/codex-linux-*/vendor/*/*/codex"
    package = "@openai/codex"
    silence_s: ClassVar[float] = 900.0  # a command may take as long as the agent lets it

    def start(self, at: Workplace) -> Launch:
        """The prompt comes from standard input, which ``-`` stands for."""
        return self._launch(at)

    def resume(self, at: Workplace, session: str | None) -> Launch:
        """``resume --last`` takes the last conversation."""
        return self._launch(at, "resume", session or "--last")

    def _launch(self, at: Workplace, *arguments: str) -> Launch:
        flags = ("--json", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox")
        # In the order that it reads: the subcommand, flags, the conversation, the prompt.
        subcommand, session = arguments[:1], arguments[1:]
        home = at.home / ".codex"
        return Launch(
            [self.path, "exec", *subcommand, *flags, *session, "-"],
            {"CODEX_HOME": str(home), "OPENAI_API_KEY": "none"},
            {home / "config.toml": _configuration(at)},
        )

    def reader(self) -> CodexReader:
        """A reader of ``exec --json``."""
        return CodexReader()


def _configuration(at: Workplace) -> str:
    context = "" if at.context_tokens is None else f"model_context_window = {at.context_tokens}\n"
    # What is quoted for JSON is quoted for TOML as well.
    quoted = {"model": json.dumps(at.model), "base_url": json.dumps(f"{at.base_url}/v1")}
    return _CONFIGURATION.format(context=context, **quoted)


class CodexReader(JsonLinesReader):
    """Items come as started and as completed; the latter count."""

    def events(self, told: Mapping[str, Any]) -> list[Event]:
        """The events of one object."""
        kind = text(told, "type")
        if kind == "thread.started" and text(told, "thread_id"):
            return [Started(text(told, "thread_id"))]
        if kind == "item.completed":
            return _item(mapping(told, "item"))
        if kind == "error":
            words = text(told, "message")
            return [Trouble(_failure(words), words)]
        if kind == "turn.failed":
            words = text(mapping(told, "error"), "message")
            return [Ended(_failure(words), words)]
        return [Ended()] if kind == "turn.completed" else []


def _failure(words: str) -> Failure:
    # What a server says with the status 400 is passed on as it is, and the status is not.
    return failure_of(words, 400 if words.startswith("{") else None)


def _item(item: Mapping[str, Any]) -> list[Event]:
    kind = text(item, "type")
    if kind == "agent_message" and text(item, "text"):
        return [Said(text(item, "text"))]
    if kind == "command_execution":
        command, output = _unwrapped(text(item, "command")), text(item, "aggregated_output")
        return [ShellCommand(command, output, whole_number(item, "exit_code"))]
    return []


def _unwrapped(command: str) -> str:
    """What the agent asked for, out of ``/bin/bash -c '...'``."""
    try:
        words = shlex.split(command)
    except ValueError:
        return command
    return words[2] if len(words) == 3 and re.fullmatch(r"-l?c", words[1]) else command
