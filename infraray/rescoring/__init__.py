"""Rescoring: stored answers played again under changed metrics or a changed parser, without a model.

Each episode starts from its seed in its environment and gets the texts that its agent said. What the
environment makes of them (validity, rewards, score, floor, bound, metrics) is new; what the agent did
(texts, tokens, latencies, messages) is kept. The result is a separate run beside the old one.

A changed parser can send an episode down another path. The observations show it: an answer is used if the
world looks as it did when the answer was given, and answers that only repeated one that is now understood
are skipped. Once no stored answer fits any more, the rest are played in their original order and the
episode is marked as diverged; if the answers run out before the episode ends, it has failed.
"""

from infraray.rescoring.rescored_run import rescore
from infraray.rescoring.result import Rescoring

__all__ = ["Rescoring", "rescore"]
