"""The meaning of finish reasons. The good ones are listed; any other is not the end of a whole answer."""

from __future__ import annotations

import re
from typing import Literal

End = Literal["whole", "cut", "refused", "broken", "unknown"]
"""How an answer ended.

- whole: the model had said what it wanted, or called a tool;
- cut: at the limit of tokens, or the end of the context;
- refused: by a filter or the model;
- broken: by a fault of the server or the network, so that asking again may give a whole one;
- unknown: by a word on no list.
"""

WHOLE = frozenset(
    "stop eos eostoken endoftext endofsequence endofturn endturn stopsequence stopsequences stopword stoptoken word"
    " toolcall toolcalls tooluse functioncall functioncalls complete completed finish finished done".split()
)
_REFUSED = re.compile(
    r"content_?filter|safety|sensitiv|refus|recitation|blocklist|prohibited|spii|guardrail|toxic|moderation|policy"
)
_BROKEN = re.compile(
    r"error|abort|cancel|time_?d?_?out|resource|overload|unavail|interrupt|network|fail|disconnect|crash|preempt"
    r"|rate_?limit|malformed|shutdown|evict|memory|busy|capacity|cache|kill|oom"
)
_CUT = re.compile(r"length|token|context|max|limit|truncat")


def end_of(reason: str | None) -> End:
    """How an answer with this finish reason ended; one without any was ended by its stream.

    Servers spell one reason in many ways: ``stop``, ``STOP``; ``length``, ``max_tokens``, ``MAX_TOKENS``,
    ``maxTokens``, ``max_output_tokens``, ``model_length``, ``FINISH_REASON_STOP``.
    """
    if reason is None:
        return "whole"
    word = reason.lower().removeprefix("finish_reason_")
    if re.sub(r"[^a-z]", "", word) in WHOLE:
        return "whole"
    for end, pattern in (("refused", _REFUSED), ("broken", _BROKEN), ("cut", _CUT)):
        if pattern.search(word):
            return end  # type: ignore[return-value]
    return "unknown"
