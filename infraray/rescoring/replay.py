"""Plays a stored episode again with its stored answers."""

from __future__ import annotations

from dataclasses import replace

from infraray.agents import Agent
from infraray.episodes import Entry, EpisodePlayer, EpisodeSpec, Trajectory
from infraray.rescoring.stored_answers import STORED_ANSWERS, StoredAnswers
from infraray.trajectories.stored_episode import StoredEpisode


class Replayer(EpisodePlayer):
    """Plays episodes whose agent is `STORED_ANSWERS`; floors use the random agent as usual."""

    def __init__(self, time_limit_s: float) -> None:
        super().__init__(time_limit_s)
        self.answers = StoredAnswers()

    def _borrow_agent(self, entry: Entry) -> Agent:
        return self.answers if entry.agent == STORED_ANSWERS else super()._borrow_agent(entry)

    def replay(self, episode: StoredEpisode, entry: Entry) -> Trajectory:
        """Plays a stored episode again; the times of its agent's answers are kept."""
        row = episode.row
        self.answers.begin(episode.steps)
        trajectory = self.play(EpisodeSpec(replace(entry, agent=STORED_ANSWERS), row["seed"], row["repetition"]))
        steps = [
            step._replace(latency_s=episode.steps[used]["latency_s"])
            for step, used in zip(trajectory.steps, self.answers.used, strict=False)
        ]
        return replace(
            trajectory,
            spec=EpisodeSpec(entry, row["seed"], row["repetition"]),
            steps=steps,
            attempts=row["attempts"],
            started_at=row["started_at"],
            wall_s=row["wall_s"],
        )
