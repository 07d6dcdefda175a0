"""What chats and spans tell of the episode that they are of."""

METADATA = (
    "episode_id",
    "run",
    "scenario",
    "scenario_label",
    "version",
    "parameters",
    "level",
    "seed",
    "agent",
    "repetition",
    "status",
    "score",
    "floor",
    "bound",
    "normalized_score",
    "higher_is_better",
    "correct",
    "safe",
    "steps",
    "return",
    "metrics",
)
"""Columns of an episode that chats and spans tell, always all of them."""
