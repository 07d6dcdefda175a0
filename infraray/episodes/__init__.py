"""Episodes: their identity, their limits, the loop that plays one, and the record that it leaves."""

from infraray.episodes.identity import Entry, EpisodeSpec, agent_code, episode_id, scenario_code, task_files
from infraray.episodes.limits import RunLimits
from infraray.episodes.player import EpisodePlayer, play_steps
from infraray.episodes.spending import LimitReached, Spending
from infraray.episodes.trajectory import Step, Trajectory, failed_trajectory

__all__ = [
    "Entry",
    "EpisodePlayer",
    "EpisodeSpec",
    "LimitReached",
    "RunLimits",
    "Spending",
    "Step",
    "Trajectory",
    "agent_code",
    "episode_id",
    "failed_trajectory",
    "play_steps",
    "scenario_code",
    "task_files",
]
