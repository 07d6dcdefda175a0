"""An OpenAI-compatible server of the tests: it answers as it is told to, notes what it was asked, and can be hostile.

`Server` is one; `Reply` says how it answers. ``python -m tests.openai_server PORT [SECONDS]`` is one that says "0",
each time after so many seconds.
"""

from tests.openai_server.limiter import Limiter
from tests.openai_server.reply import WORD, Reply, refusal, tokens
from tests.openai_server.server import Server

__all__ = ["WORD", "Limiter", "Reply", "Server", "refusal", "tokens"]
