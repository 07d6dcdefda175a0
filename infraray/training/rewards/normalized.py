"""The scenario's score between the task's floor (0) and its bound (1).

Easy and hard tasks weigh alike, since both ends belong to the task that was played. What was not played counts as the
floor: an episode that stops while it is ahead, or lets invalid answers pass the time, has that share of it and no
more. A score below the floor is not improved by that.
"""

from __future__ import annotations

import math

from infraray.training.played import Played
from infraray.training.rewards.reward import Reward

WORST = -1.0
"""Scores may fall without limit (a queue's waiting time); one such episode would drown what a group has to say."""


class Normalized(Reward):
    """Pays for the verdict alone."""

    def of(self, played: Played) -> float:
        """From `WORST` to about 1; 0 where nothing was scored, or where floor and bound leave nothing to gain."""
        score = played.normalized_score
        if not math.isfinite(score):
            return 0.0
        return max(WORST, score * played.share if score > 0 else score)
