"""ReAct: thoughts, tool calls and their output, in turns, until the answer (Yao et al., 2023)."""

from __future__ import annotations

import re

from infraray.agents.chat.dialogue import Dialogue
from infraray.agents.chat.strategies.chain_of_thought import text_after_mark
from infraray.agents.chat.strategies.strategy import NO_ANSWER, Strategy
from infraray.answers.marks import find_marks
from infraray.answers.reader import ANSWER_CALLS

STOP = "\nObservation"
"""Where the model would start to make up a tool's output."""

_OBSERVATION = re.compile(r"\n[ \t>*_#]{0,8}Observation[ \t]?\d{0,4}[*_]{0,2}[ \t]?:", re.IGNORECASE)
"""The same in a text that was not stopped there, including the paper's numbering: ``Observation 1:``."""

ANSWER = "answer"


class ReAct(Strategy):
    """Lets the model use tools several times within one step of the environment before it answers."""

    takes_tools = True

    def instruction(self) -> str:
        """The form of thoughts and actions, and the tools."""
        lines = [
            "At each step you are told the state. Reply in this form:",
            "Thought: what you consider",
            f"Action: {ANSWER}[your action]",
        ]
        if self.tools:
            lines += [
                "Before you answer you may use a tool, one in each reply, in the same form:",
                "Thought: what you want to know",
                "Action: tool[what goes in]",
                'and are then told what came out, after "Observation:".',
                f"Use tools at most {self.max_tool_calls} times in a step. The tools:",
                *(f"- {name}[...]: {tool.description}" for name, tool in self.tools.items()),
            ]
        return "\n".join(lines)

    async def decide(self, dialogue: Dialogue) -> str:
        """Lets the model use tools until it answers or has used up its tool calls."""
        while True:
            completion = await dialogue.ask(stop=[STOP])
            # A server may ignore stop sequences.
            text, *stopped = _OBSERVATION.split(completion.text, maxsplit=1)
            text = text.strip()
            dialogue.answered(text)
            is_cut = completion.is_cut and not stopped
            name, argument = read_action(text, is_cut)
            if name is None or name == ANSWER:
                return argument if completion.is_cut else text
            if name not in self.tools or len(dialogue.tool_calls) >= self.max_tool_calls:
                # Not a usable tool: the environment says what is wrong with it as an answer.
                return NO_ANSWER if is_cut else text
            result = dialogue.use_tool(name, argument)
            left = self.max_tool_calls - len(dialogue.tool_calls)
            hint = "" if left else f"\nNo tool may be used any more; reply with Action: {ANSWER}[your action]"
            dialogue.tell(f"Observation: {result}{hint}")


def read_action(text: str, is_cut: bool = False) -> tuple[str | None, str]:
    """The last action in a reply: its name (None without one) and the text in its brackets.

    In a reply that was cut off, the brackets must be closed.
    """
    calls = [mark for mark in find_marks(text) if mark.name is not None]
    if not calls:
        return None, text_after_mark(text, is_cut)
    last = calls[-1]
    if is_cut and not last.is_closed:
        return None, NO_ANSWER
    return ANSWER if last.name in ANSWER_CALLS else last.name, last.value.strip()
