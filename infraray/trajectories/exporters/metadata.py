"""Metadata that chats and spans carry about their episode."""

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
"""Columns of an episode that chats and spans carry, always all of them."""
