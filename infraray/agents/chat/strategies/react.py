"""ReAct: thoughts, tool calls and what they gave, in turns, until the answer (Yao et al., 2023)."""

from __future__ import annotations

import re

from infraray.agents.chat.dialogue import Dialogue
from infraray.agents.chat.strategies.chain_of_thought import text_after_mark
from infraray.agents.chat.strategies.strategy import NO_ANSWER, Strategy

STOP = "\nObservation:"
"""Where the model would begin to make up what a tool gives."""

ANSWER = "answer"
MAX_ARGUMENT_CHARACTERS = 4000

_ACTION = re.compile(r"^[ \t*_#>]*+action[ \t*_]*+:[\s*_`]*+([A-Za-z]\w*+)[ \t]*+\[", re.IGNORECASE | re.MULTILINE)


class ReAct(Strategy):
    """Within one step of the environment the model may use tools several times, then answers."""

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
        """Lets the model use tools until it answers, or has used them often enough."""
        while True:
            completion = await dialogue.ask(stop=[STOP])
            # A server may know no stop sequences.
            text, stopped, _ = completion.text.partition(STOP)
            text = text.strip()
            dialogue.answered(text)
            is_cut = completion.is_cut and not stopped
            name, argument = read_action(text, is_cut)
            if name is None or name == ANSWER:
                return argument
            if name not in self.tools or len(dialogue.tool_calls) >= self.max_tool_calls:
                # No tool that may be used: the environment says what is wrong with it as an answer.
                return NO_ANSWER if is_cut else text
            result = dialogue.use_tool(name, argument)
            left = self.max_tool_calls - len(dialogue.tool_calls)
            hint = "" if left else f"\nNo tool may be used any more; reply with Action: {ANSWER}[your action]"
            dialogue.tell(f"Observation: {result}{hint}")


def read_action(text: str, is_cut: bool = False) -> tuple[str | None, str]:
    """The last action in a reply: its name (None without one) and what stands in its brackets.

    In a reply that was cut off the brackets must be closed.
    """
    actions = list(_ACTION.finditer(text))
    if not actions:
        return None, text_after_mark(text, is_cut)
    rest = text[actions[-1].end() :][:MAX_ARGUMENT_CHARACTERS]
    depth = 1
    for position, character in enumerate(rest):
        depth += (character == "[") - (character == "]")
        if depth == 0:
            return actions[-1][1].lower(), rest[:position].strip()
    return (None, NO_ANSWER) if is_cut else (actions[-1][1].lower(), rest.strip())
