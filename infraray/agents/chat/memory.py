"""The memory: what a model is shown of an episode's earlier steps."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from infraray.agents.chat.messages import Message, user

MEMORIES = ("all", "summary", "last:K")

Ask = Callable[[list[Message], int], Awaitable[str]]
"""Asks the model; takes a prompt and the most tokens the answer may have."""

SUMMARY_TOKENS = 256
SUMMARY_CHARACTERS = 2000


class Memory:
    """Keeps all turns; when they no longer fit into the prompt, the oldest are forgotten for good."""

    def __init__(self) -> None:
        self.turns: list[list[Message]] = []

    @property
    def preamble(self) -> str:
        """Text shown beside the turns; "" for none."""
        return ""

    def messages(self) -> list[Message]:
        """The turns' messages, oldest first."""
        return [message for turn in self.turns for message in turn]

    def remember(self, turn: list[Message]) -> None:
        """Adds a turn: the observation, the dialogue about it, the answer."""
        self.turns.append(turn)

    def forget_oldest(self) -> bool:
        """Forgets one turn; returns whether there was one."""
        if not self.turns:
            return False
        del self.turns[0]
        return True

    async def condense(self, ask: Ask, fits: Callable[[Sequence[Message]], bool]) -> None:
        """Called before turns must be forgotten, with a way to ask the model and a test of whether the prompt fits."""


class LastTurns(Memory):
    """Keeps the last ``count`` turns."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count

    def remember(self, turn: list[Message]) -> None:
        """Adds a turn and forgets the one before the last ``count``."""
        super().remember(turn)
        del self.turns[: max(0, len(self.turns) - self.count)]


class RunningSummary(Memory):
    """Keeps all turns until they do not fit; then the model sums up the older half in its own words."""

    def __init__(self) -> None:
        super().__init__()
        self.summary = ""

    @property
    def preamble(self) -> str:
        """The summary."""
        return f"Your summary of the earlier steps:\n{self.summary}" if self.summary else ""

    async def condense(self, ask: Ask, fits: Callable[[Sequence[Message]], bool]) -> None:
        """Replaces the older half of the turns by a summary."""
        older = self.turns[: (len(self.turns) + 1) // 2]
        while older:
            prompt = [user(self._request(older))]
            if fits(prompt):
                break
            older = older[1:]
        else:
            return
        words = await ask(prompt, SUMMARY_TOKENS)
        if words.strip():
            self.summary = words.strip()[:SUMMARY_CHARACTERS]
        del self.turns[: (len(self.turns) + 1) // 2]

    def _request(self, turns: Sequence[Sequence[Message]]) -> str:
        lines = []
        for turn in turns:
            for message in turn:
                who = "You answered" if message["role"] == "assistant" else "You were told"
                lines.append(f"{who}: {message['content']}")
        known = f"What you noted about the steps before:\n{self.summary}\n\n" if self.summary else ""
        return (
            "Below is a part of the record of a task that you are working on step by step. Sum up in at most 150 "
            "words what will help you to decide the coming steps: how the system behaves, what worked and what did "
            f"not.\n\n{known}The record:\n" + "\n".join(lines) + "\n\nYour summary:"
        )


def make_memory(text: str) -> Memory:
    """The memory that ``all``, ``last:K`` or ``summary`` names."""
    kind, _, count = text.partition(":")
    if kind == "last":
        return LastTurns(int(count))
    return RunningSummary() if kind == "summary" else Memory()
