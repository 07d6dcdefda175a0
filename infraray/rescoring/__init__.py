"""Rescoring: stored answers played again under changed metrics or a changed parser, without a model.

Each episode starts from its seed in its environment and is given the texts that its agent said. What the
environment makes of them (validity, rewards, score, floor, bound, metrics) is new; what the agent did
(texts, tokens, latencies, messages) is kept. The result is a run of its own beside the old one.

A changed parser can send an episode down another path. The observations tell: an answer is used where the
world looks as it did when the answer was given, and answers that only repeated one that is now understood
are passed over. Where no stored answer fits any more, the rest is played in the order in which it was said,
and the episode is marked as diverged; one whose answers end before it does has failed.
"""

from infraray.rescoring.rescored_run import rescore
from infraray.rescoring.result import Rescoring

__all__ = ["Rescoring", "rescore"]
