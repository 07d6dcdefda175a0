"""The protocols in which agents ask their models, one a file."""

from infraray.workspaces.dialects.chat_completions import ChatCompletions
from infraray.workspaces.dialects.dialect import Answer, Call, Dialect
from infraray.workspaces.dialects.messages import Messages
from infraray.workspaces.dialects.responses import Responses

DIALECTS: tuple[Dialect, ...] = (ChatCompletions(), Responses(), Messages())

__all__ = ["DIALECTS", "Answer", "Call", "Dialect"]
