"""One step's dialogue between a strategy and the model."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from infraray.agents.chat.completion import Completion
from infraray.agents.chat.messages import Message, assistant, user
from infraray.agents.chat.tools import Tool


@dataclass
class Dialogue:
    """Everything said between an observation and the answer to it.

    Args:
        said: the messages from the observation on.
        send: sends them after the task and the memory, with further request options.
        tools: what the model may use, by name.
        completions: the model's answers so far.
        tool_calls: the tools used so far, as plain data.
        left_out: options that the strategy went without because the server does not accept them.
    """

    said: list[Message]
    send: Callable[[list[Message], Mapping[str, Any]], Awaitable[Completion]]
    tools: Mapping[str, Tool]
    completions: list[Completion] = field(default_factory=list)
    tool_calls: list[dict[str, Any]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    async def ask(self, **options: Any) -> Completion:
        """The model's answer to what was said so far, which it joins."""
        completion = await self.send(self.said, options)
        self.completions.append(completion)
        return completion

    def answered(self, text: str) -> None:
        """Records what the model said."""
        self.said.append(assistant(text))

    def tell(self, text: str) -> None:
        """Tells the model something."""
        self.said.append(user(text))

    def use_tool(self, name: str, arguments: str) -> str:
        """Calls a tool and returns its output, or the reason why it failed."""
        tool = self.tools.get(name)
        if tool is None:
            known = ", ".join(self.tools) or "none"
            result = f"there is no tool {name[:40]}; there are: {known}"
        else:
            result = tool.use(arguments)
        self.tool_calls.append({"name": name[:40], "arguments": arguments, "result": result})
        return result
